package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// maxDepth is how deep arrays and objects may be nested, in known structures and in what is skipped.
const maxDepth = 32

// ErrFormat is what errors.Is finds in every error of reading JSON.
var ErrFormat = errors.New("not what the Engine API allows")

// formatError says where in a structure reading failed.
type formatError struct {
	path string
	why  string
}

func (e *formatError) Error() string {
	if e.path == "" {
		return e.why
	}
	return e.path + ": " + e.why
}

func (e *formatError) Is(target error) bool { return target == ErrFormat }

func bad(format string, args ...any) error { return &formatError{why: fmt.Sprintf(format, args...)} }

// at puts the name of a field, or "[i]", in front of an error of reading.
func at(name string, err error) error {
	var e *formatError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case e.path == "":
		e.path = name
	case e.path[0] == '[':
		e.path = name + e.path
	default:
		e.path = name + "." + e.path
	}
	return e
}

// reader reads JSON text from its beginning to its end, without going back.
type reader struct {
	src   []byte
	pos   int
	depth int
}

// Read reads one value that is the whole of src. After an error the value is unusable.
func Read(src []byte, v Value) error {
	r := &reader{src: src}
	if err := v.read(r); err != nil {
		return err
	}
	if r.peek() != 0 || r.pos < len(r.src) {
		return bad("%s follows the value", r.shown())
	}
	return nil
}

// peek is the next byte that is not white space, 0 at the end.
func (r *reader) peek() byte {
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// shown is the beginning of what is left, for errors.
func (r *reader) shown() string {
	rest := r.src[min(r.pos, len(r.src)):]
	if len(rest) == 0 {
		return "the end"
	}
	return fmt.Sprintf("%q", rest[:min(len(rest), 24)])
}

// token takes a byte of punctuation.
func (r *reader) token(c byte) error {
	if r.peek() != c {
		return bad("found %s, want %q", r.shown(), string(c))
	}
	r.pos++
	return nil
}

// literal takes a word such as null if it is next.
func (r *reader) literal(word string) bool {
	r.peek()
	if !bytes.HasPrefix(r.src[r.pos:], []byte(word)) {
		return false
	}
	r.pos += len(word)
	return true
}

// quoted takes a string and gives what stands between its quotes, escapes and all, as a part of the source.
func (r *reader) quoted() ([]byte, error) {
	if r.peek() != '"' {
		return nil, bad("found %s, want a string", r.shown())
	}
	for start, from := r.pos+1, r.pos+1; ; {
		i := bytes.IndexByte(r.src[from:], '"')
		if i < 0 {
			return nil, bad("the string has no end")
		}
		end := from + i
		escapes := 0
		for escapes < end-start && r.src[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			r.pos = end + 1
			return r.src[start:end], nil
		}
		from = end + 1
	}
}

// text takes a string and resolves its escapes.
func (r *reader) text(most int) (string, error) {
	raw, err := r.quoted()
	if err != nil {
		return "", err
	}
	if len(raw) > 6*most { // An escaped character is up to 6 bytes long.
		return "", bad("string of %d bytes, want at most %d", len(raw), most)
	}
	var s string
	if err := json.Unmarshal(r.src[r.pos-len(raw)-2:r.pos], &s); err != nil {
		return "", bad("string: %v", err)
	}
	if len(s) > most {
		return "", bad("string of %d bytes, want at most %d", len(s), most)
	}
	return s, nil
}

// hexDigits takes a string that begins with 0x and gives what follows.
func (r *reader) hexDigits() ([]byte, error) {
	raw, err := r.quoted()
	if err != nil {
		return nil, err
	}
	digits, ok := bytes.CutPrefix(raw, []byte("0x"))
	if !ok {
		return nil, bad("%q does not begin with 0x", raw[:min(len(raw), 24)])
	}
	return digits, nil
}

// data takes DATA of least to most bytes. It is decoded into what room gives for a length.
func (r *reader) data(least, most int, room func(n int) []byte) error {
	digits, err := r.hexDigits()
	if err != nil {
		return err
	}
	n := len(digits) / 2
	switch {
	case len(digits)%2 != 0:
		return bad("DATA of an odd number of digits, %d", len(digits))
	case n < least || n > most:
		if least == most {
			return bad("DATA of %d bytes, want %d", n, least)
		}
		return bad("DATA of %d bytes, want %d to %d", n, least, most)
	}
	if _, err := hex.Decode(room(n), digits); err != nil {
		return bad("DATA: %v", err)
	}
	return nil
}

// quantity takes a QUANTITY of at most len(big)*8 bits into big, the most significant byte first.
func (r *reader) quantity(big []byte) error {
	digits, err := r.hexDigits()
	if err != nil {
		return err
	}
	switch {
	case len(digits) == 0:
		return bad("QUANTITY without digits")
	case digits[0] == '0' && len(digits) > 1:
		return bad("QUANTITY with a leading zero")
	case len(digits) > 2*len(big):
		return bad("QUANTITY of %d digits, want at most %d", len(digits), 2*len(big))
	}
	clear(big)
	padded := make([]byte, 2*len(big))
	for i := range padded {
		padded[i] = '0'
	}
	copy(padded[len(padded)-len(digits):], digits)
	if _, err := hex.Decode(big, padded); err != nil {
		return bad("QUANTITY: %v", err)
	}
	return nil
}

// number takes a whole JSON number.
func (r *reader) number() ([]byte, error) {
	r.peek()
	start := r.pos
	for r.pos < len(r.src) && (r.src[r.pos] == '-' || r.src[r.pos] >= '0' && r.src[r.pos] <= '9') {
		r.pos++
	}
	if r.pos == start || r.pos-start > 20 {
		r.pos = start
		return nil, bad("found %s, want a whole number", r.shown())
	}
	return r.src[start:r.pos], nil
}

// enter counts nesting; leave has to follow unless it fails.
func (r *reader) enter(open byte) error {
	if err := r.token(open); err != nil {
		return err
	}
	if r.depth++; r.depth > maxDepth {
		return bad("nested more than %d deep", maxDepth)
	}
	return nil
}

func (r *reader) leave() { r.depth-- }

// more tells whether a further element follows in an array or object that closes with end; first is true before the first.
func (r *reader) more(end byte, first bool) (bool, error) {
	if r.peek() == end {
		r.pos++
		r.leave()
		return false, nil
	}
	if first {
		return true, nil
	}
	if err := r.token(','); err != nil {
		return false, err
	}
	return true, nil
}

// skip takes a value of any kind and gives its text.
func (r *reader) skip() ([]byte, error) {
	c := r.peek()
	start := r.pos
	var err error
	switch {
	case c == '"':
		_, err = r.text(len(r.src))
	case c == '{':
		err = r.object(func([]byte) error { _, err := r.skip(); return err })
	case c == '[':
		err = r.array(func(int) error { _, err := r.skip(); return err })
	case c == '-' || c >= '0' && c <= '9':
		for r.pos < len(r.src) && bytes.IndexByte([]byte("+-.eE0123456789"), r.src[r.pos]) >= 0 {
			r.pos++
		}
		if !json.Valid(r.src[start:r.pos]) {
			err = bad("number %q", r.src[start:min(r.pos, start+24)])
		}
	case r.literal("null"), r.literal("true"), r.literal("false"):
	default:
		err = bad("found %s, want a value", r.shown())
	}
	return r.src[start:r.pos], err
}

// object takes an object; f is called behind each key's colon and has to take the value.
func (r *reader) object(f func(key []byte) error) error {
	if err := r.enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.more('}', first)
		if err != nil || !more {
			return err
		}
		key, err := r.quoted()
		if err != nil {
			return err
		}
		if err := r.token(':'); err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
	}
}

// array takes an array; f is called with each element's index and has to take the element.
func (r *reader) array(f func(i int) error) error {
	if err := r.enter('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := r.more(']', i == 0)
		if err != nil || !more {
			return err
		}
		if err := f(i); err != nil {
			return err
		}
	}
}
