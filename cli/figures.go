package cli

import (
	"math"
	"strconv"
)

// amount is a whole number as people read it: 9 850, 1 250 000.
func amount(n int64) string {
	if n < 0 {
		return "-" + amount(-n)
	}
	digits := strconv.FormatInt(n, 10)
	out := digits[:len(digits)%3]
	for i := len(out); i < len(digits); i += 3 {
		if out != "" {
			out += " "
		}
		out += digits[i : i+3]
	}
	return out
}

// rate is a number per time as people read it: three digits, and no exponent whatever its size.
func rate(f float64) string {
	switch {
	case f >= 99.95:
		return amount(int64(math.Round(f)))
	case f >= 9.995:
		return strconv.FormatFloat(f, 'f', 1, 64)
	default:
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
}
