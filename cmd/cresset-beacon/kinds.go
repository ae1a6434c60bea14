package main

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

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/types"
)

// kind is a way to write values. What is not of the kind is refused with want, which says what is allowed.
type kind[T any] struct {
	name  string // in the help and the documentation
	want  string
	parse func(string) (T, bool)
	show  func(T) string
	plain bool // JSON has such values itself
}

func identity(s string) string { return s }

// text is any text, such as the path of a file.
func text(name string) kind[string] {
	return kind[string]{name: name, want: "text without line breaks", show: identity, parse: func(s string) (string, bool) {
		return s, !strings.ContainsAny(s, "\n\r\x00")
	}}
}

// choice is one of some words.
func choice(words ...string) kind[string] {
	return kind[string]{name: "choice", want: "one of " + strings.Join(words, ", "), show: identity, parse: func(s string) (string, bool) {
		return s, slices.Contains(words, s)
	}}
}

func boolean() kind[bool] {
	return kind[bool]{name: "boolean", want: "true or false", show: strconv.FormatBool, plain: true, parse: func(s string) (bool, bool) {
		return s == "true", s == "true" || s == "false"
	}}
}

// number is a whole number between two bounds, both included.
func number(low, high uint64) kind[uint64] {
	show := func(n uint64) string { return strconv.FormatUint(n, 10) }
	want := fmt.Sprintf("a whole number from %d to %d", low, high)
	return kind[uint64]{name: "number", want: want, show: show, plain: true, parse: func(s string) (uint64, bool) {
		n, err := strconv.ParseUint(s, 10, 64)
		return n, err == nil && n >= low && n <= high
	}}
}

// port is a port to listen on.
func port() kind[uint16] {
	show := func(n uint16) string { return strconv.FormatUint(uint64(n), 10) }
	return kind[uint16]{name: "port", want: "a port from 1 to 65535", show: show, plain: true, parse: func(s string) (uint16, bool) {
		n, err := strconv.ParseUint(s, 10, 16)
		return uint16(n), err == nil && n > 0
	}}
}

// duration is what time.ParseDuration reads, such as -3h2m.
func duration() kind[time.Duration] {
	return kind[time.Duration]{name: "duration", want: "a duration such as 90s or -3h2m", show: time.Duration.String, parse: func(s string) (time.Duration, bool) {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}}
}

// address is host:port to listen at, or nothing.
func address() kind[string] {
	return kind[string]{name: "host:port", want: "host:port such as 127.0.0.1:8008, or nothing", show: identity, parse: func(s string) (string, bool) {
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

// endpoint is the URL of an Engine API, or the word for the engine inside the node.
func endpoint() kind[string] {
	want := fmt.Sprintf("a URL such as http://127.0.0.1:8551, or %s", node.EmbeddedEngine)
	return kind[string]{name: "URL", want: want, show: identity, parse: func(s string) (string, bool) {
		if s == node.EmbeddedEngine {
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

// size is a number of bytes.
func size() kind[uint64] {
	want := fmt.Sprintf("a size from %s to %s such as 512MiB", showSize(minSize), showSize(maxSize))
	return kind[uint64]{name: "size", want: want, show: showSize, parse: func(s string) (uint64, bool) {
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

// account is an account of the execution layer that is not the one that burns what it gets; nothing is none.
func account() kind[types.ExecutionAddress] {
	show := func(a types.ExecutionAddress) string {
		if a == (types.ExecutionAddress{}) {
			return ""
		}
		return "0x" + hex.EncodeToString(a[:])
	}
	return kind[types.ExecutionAddress]{name: "account", want: "0x and 40 hexadecimal digits, not all of them 0", show: show, parse: func(s string) (a types.ExecutionAddress, ok bool) {
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

// graffiti is text of up to 32 bytes.
func graffiti() kind[types.Bytes32] {
	show := func(g types.Bytes32) string { return string(bytes.TrimRight(g[:], "\x00")) }
	return kind[types.Bytes32]{name: "text", want: "text of at most 32 bytes without line breaks", show: show, parse: func(s string) (g types.Bytes32, ok bool) {
		copy(g[:], s)
		return g, len(s) <= len(g) && !strings.ContainsAny(s, "\n\r\x00")
	}}
}
