package options

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Kind is a way to write values. What is not of the kind is refused with Want, which says what is allowed.
type Kind[T any] struct {
	Name  string // in the help and the documentation
	Want  string
	Parse func(string) (T, bool)
	Show  func(T) string

	plain   bool // JSON has such values itself
	boolean bool
}

func identity(s string) string { return s }

// Text is any text, such as the path of a file.
func Text(name string) Kind[string] {
	return Kind[string]{Name: name, Want: "text without line breaks", Show: identity, Parse: func(s string) (string, bool) {
		return s, !strings.ContainsAny(s, "\n\r\x00")
	}}
}

// Choice is one of some words.
func Choice(words ...string) Kind[string] {
	return Kind[string]{Name: "choice", Want: "one of " + strings.Join(words, ", "), Show: identity, Parse: func(s string) (string, bool) {
		return s, slices.Contains(words, s)
	}}
}

// Boolean is true or false.
func Boolean() Kind[bool] {
	return Kind[bool]{boolean: true, Name: "boolean", Want: "true or false", Show: strconv.FormatBool, plain: true, Parse: func(s string) (bool, bool) {
		return s == "true", s == "true" || s == "false"
	}}
}

// Number is a whole number between two bounds, both included.
func Number(low, high uint64) Kind[uint64] {
	show := func(n uint64) string { return strconv.FormatUint(n, 10) }
	want := fmt.Sprintf("a whole number from %d to %d", low, high)
	return Kind[uint64]{Name: "number", Want: want, Show: show, plain: true, Parse: func(s string) (uint64, bool) {
		n, err := strconv.ParseUint(s, 10, 64)
		return n, err == nil && n >= low && n <= high
	}}
}

// Port is a port to listen on.
func Port() Kind[uint16] {
	show := func(n uint16) string { return strconv.FormatUint(uint64(n), 10) }
	return Kind[uint16]{Name: "port", Want: "a port from 1 to 65535", Show: show, plain: true, Parse: func(s string) (uint16, bool) {
		n, err := strconv.ParseUint(s, 10, 16)
		return uint16(n), err == nil && n > 0
	}}
}

// Duration is what time.ParseDuration reads, such as -3h2m.
func Duration() Kind[time.Duration] {
	return Kind[time.Duration]{Name: "duration", Want: "a duration such as 90s or -3h2m", Show: time.Duration.String, Parse: func(s string) (time.Duration, bool) {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}}
}

// Address is host:port to listen at, or nothing.
func Address() Kind[string] {
	return Kind[string]{Name: "host:port", Want: "host:port such as 127.0.0.1:8008, or nothing", Show: identity, Parse: func(s string) (string, bool) {
		if s == "" {
			return s, true
		}
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return s, false
		}
		_, err = strconv.ParseUint(port, 10, 16)
		return s, err == nil
	}}
}

// URL is where a server is, such as the example, or one of some words.
func URL(example string, words ...string) Kind[string] {
	want := strings.Join(append([]string{"a URL such as " + example}, words...), ", or ")
	return Kind[string]{Name: "URL", Want: want, Show: identity, Parse: func(s string) (string, bool) {
		if slices.Contains(words, s) {
			return s, true
		}
		u, err := url.Parse(s)
		return s, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	}}
}

// withoutCredentials shows a URL, a wrong one too, without what may let somebody in: user, password and query.
func withoutCredentials(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "", s
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "hidden" + rest[at:]
	}
	if before, _, query := strings.Cut(rest, "?"); query {
		rest = before + "?hidden"
	}
	if !found {
		return rest
	}
	return scheme + "://" + rest
}

// The bounds of a cache: under the lower one nothing works well, and no machine has more memory than the upper one.
const (
	minSize = 1 << 20
	maxSize = 1 << 40
)

// unitNames are the units of sizes, each 1024 times the one before.
func unitNames() []string { return []string{"B", "KiB", "MiB", "GiB", "TiB"} }

// Size is a number of bytes.
func Size() Kind[uint64] {
	want := fmt.Sprintf("a size from %s to %s such as 512MiB", showSize(minSize), showSize(maxSize))
	return Kind[uint64]{Name: "size", Want: want, Show: showSize, Parse: func(s string) (uint64, bool) {
		n, ok := parseSize(s)
		return n, ok && n >= minSize && n <= maxSize
	}}
}

// parseSize reads a whole number of one of the units. A number alone is refused: it would be bytes to some and megabytes to others.
func parseSize(s string) (uint64, bool) {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end <= 0 {
		return 0, false
	}
	unit := slices.Index(unitNames(), strings.TrimPrefix(s[end:], " "))
	n, err := strconv.ParseUint(s[:end], 10, 64)
	if unit < 0 || err != nil {
		return 0, false
	}
	over, bytes := bits.Mul64(n, 1<<(10*unit))
	return bytes, over == 0
}

// showSize writes a size in the largest unit that gives a whole number.
func showSize(n uint64) string {
	units, unit := unitNames(), 0
	for n != 0 && n%1024 == 0 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	return strconv.FormatUint(n, 10) + units[unit]
}

// Account is an account of the execution layer that is not the one that burns what it gets; nothing is none.
func Account() Kind[types.ExecutionAddress] {
	show := func(a types.ExecutionAddress) string {
		if a == (types.ExecutionAddress{}) {
			return ""
		}
		return "0x" + hex.EncodeToString(a[:])
	}
	return Kind[types.ExecutionAddress]{Name: "account", Want: "0x and 40 hexadecimal digits, not all of them 0", Show: show, Parse: func(s string) (a types.ExecutionAddress, ok bool) {
		if s == "" {
			return a, true
		}
		digits, prefixed := strings.CutPrefix(s, "0x")
		b, err := hex.DecodeString(digits)
		if err != nil || !prefixed || len(b) != len(a) {
			return a, false
		}
		a = types.ExecutionAddress(b)
		return a, a != types.ExecutionAddress{}
	}}
}

// Graffiti is text of up to 32 bytes.
func Graffiti() Kind[types.Bytes32] {
	show := func(g types.Bytes32) string { return string(bytes.TrimRight(g[:], "\x00")) }
	return Kind[types.Bytes32]{Name: "text", Want: "text of at most 32 bytes without line breaks", Show: show, Parse: func(s string) (g types.Bytes32, ok bool) {
		copy(g[:], s)
		return g, len(s) <= len(g) && !strings.ContainsAny(s, "\n\r\x00")
	}}
}
