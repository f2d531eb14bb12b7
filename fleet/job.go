package fleet

// Job is what River keeps of an order: one text, which costs the write-ahead log 960 bytes less a step than a
// key for each field, because River indexes the keys.
type Job struct {
	Order string `json:"o"`
}

// Kind implements river.JobArgs.
func (Job) Kind() string { return "seq_order" }
