package api

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// list gives the values of a field of the query that may be given several times or with commas between. More than a number are refused before
// they are taken apart.
func (c *call) list(field string, most int) ([]string, error) {
	count := 0
	for _, v := range c.query[field] {
		count += 1 + strings.Count(v, ",")
	}
	if count > most {
		return nil, fail(http.StatusRequestURITooLong, "Too many values of %s in request: %d, at most %d", field, count, most)
	}
	values := make([]string, 0, count)
	for _, v := range c.query[field] {
		for part := range strings.SplitSeq(v, ",") {
			values = append(values, part)
		}
	}
	return values, nil
}

// one gives the value of a field of the query that is given at most once.
func (c *call) one(field string) (value string, given bool, err error) {
	switch values := c.query[field]; len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, fail(http.StatusBadRequest, "Invalid %s: given %d times, want it once", field, len(values))
	}
}

// number gives the number in a field of the query.
func (c *call) number(field string) (n uint64, given bool, err error) {
	text, given, err := c.one(field)
	if err != nil || !given {
		return 0, false, err
	}
	n, ok := parseNumber(text)
	if !ok {
		return 0, false, invalid(field, text, "a decimal number below 2**64")
	}
	return n, true, nil
}

// parseNumber reads a Uint64: decimal digits and nothing else.
func parseNumber(text string) (uint64, bool) {
	if text == "" || text[0] == '+' { // ParseUint takes no sign, but that is not what it promises
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// parseHex reads 0x and exactly as many bytes as dst has.
func parseHex(text string, dst []byte) bool {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil
}

// parseRoot reads a root.
func parseRoot(text string) (root types.Root, ok bool) {
	ok = parseHex(text, root[:])
	return root, ok
}

// validatorID is what names a validator or a builder: its index or its key.
type validatorID struct {
	index uint64
	key   types.BLSPubkey
	isKey bool
}

const wantID = "an index, or 0x and the 96 hex digits of a public key"

// parseID reads an id.
func parseID(text string) (id validatorID, ok bool) {
	if strings.HasPrefix(text, "0x") {
		id.isKey = true
		ok = parseHex(text, id.key[:])
		return id, ok
	}
	id.index, ok = parseNumber(text)
	return id, ok
}

// parseIDs reads ids.
func parseIDs(field string, texts []string) ([]validatorID, error) {
	ids := make([]validatorID, len(texts))
	for i, text := range texts {
		var ok bool
		if ids[i], ok = parseID(text); !ok {
			return nil, invalid(field, text, wantID)
		}
	}
	return ids, nil
}
