package transition

import "math"

// IntegerSquareroot is the largest integer whose square is not above n. Spec: integer_squareroot (phase0).
func IntegerSquareroot(n uint64) uint64 {
	if n == math.MaxUint64 {
		return math.MaxUint32
	}
	x, y := n, (n+1)/2
	for y < x {
		x, y = y, (y+n/y)/2
	}
	return x
}
