package bunstore

import "strings"

// Mutate puts new in the place of old in every statement that has it.
func Mutate(old, broken string) {
	mutate = func(query string) string { return strings.ReplaceAll(query, old, broken) }
	found := strings.Contains(dialectTexts(), old)
	for _, s := range statements {
		found = found || strings.Contains(s.template, old)
	}
	if !found {
		panic("no statement has " + old)
	}
}

func dialectTexts() (texts string) {
	for _, d := range dialects {
		for _, text := range d.fragments {
			texts += text + "\n"
		}
	}
	return texts
}
