package options

import (
	"fmt"
	"slices"
)

// maxDistance is how many edits a word may be away from the one that was meant, at most a third of its length.
const maxDistance = 4

// nearest finds the word that was probably meant, or gives an empty string.
func nearest(word string, words []string) string {
	found, best := "", min(maxDistance, len(word)/3)+1
	if len(word) > 64 { // Nobody meant this, and distances cost the product of the lengths.
		return ""
	}
	for _, w := range words {
		if d := distance(word, w); d < best {
			found, best = w, d
		}
	}
	return found
}

// DidYouMean is the end of an error about an unknown word; prefix stands before all of them and does not make them more alike.
func DidYouMean(prefix, word string, words []string) string {
	if near := nearest(word, words); near != "" {
		return fmt.Sprintf(", did you mean %q?", prefix+near)
	}
	return ""
}

// distance is the number of edits between two words: letters put in, left out, replaced, or swapped with their neighbour.
func distance(a, b string) int {
	// Rows of the table of distances between prefixes: two ago, the last, and the one being filled.
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = slices.Min([]int{last[j] + 1, row[j-1] + 1, replaced})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
