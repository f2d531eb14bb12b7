package exec_test

import (
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/seqtest"
)

func TestExecutorsKeepTheContract(t *testing.T) {
	for name, e := range map[string]seq.Executor{
		"serial": exec.Serial(), "parallel": exec.Parallel(0), "parallel 1": exec.Parallel(1), "parallel 3": exec.Parallel(3),
		"dataflow": exec.Dataflow(0), "dataflow 1": exec.Dataflow(1), "dataflow 3": exec.Dataflow(3),
	} {
		t.Run(name, func(t *testing.T) { seqtest.TestExecutor(t, e) })
	}
}
