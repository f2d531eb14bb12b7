package seq

import "fmt"

// name is the text of an enumeration's value, also of one that a newer version wrote.
func name[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown(%d)", v)
}

// parse is the value of an enumeration's text.
func parse[T ~uint8](names []string, s, what string) (T, error) {
	for i, n := range names {
		if n == s {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%w: %s %q", ErrUnknownValue, what, s)
}
