package api

import (
	"mime"
	"slices"
	"strconv"
	"strings"
)

// The media types of answers and bodies.
const (
	mediaJSON   = "application/json"
	mediaSSZ    = "application/octet-stream"
	mediaEvents = "text/event-stream"
)

// accepts chooses what a client likes best of what is offered, the first of those that it likes as well as each other. It is false where the
// client takes none of them. No header accepts everything.
//
// Spec: "it should return [...] a 406 status code if it cannot produce a response in the format accepted by the client as specified in the
// 'Accept' header; if no 'Accept' header is provided then it is assumed to be 'application/json'". The order of precedence and weights are
// those of RFC 9110, 12.5.1.
func accepts(headers []string, offers []string) (best string, ok bool) {
	header := strings.Join(headers, ",")
	if strings.TrimSpace(header) == "" {
		return offers[0], true
	}
	type choice struct {
		quality   float64
		precision int
	}
	choices := make([]choice, len(offers))
	for part := range strings.SplitSeq(header, ",") {
		media, quality, ok := mediaRange(part)
		if !ok {
			continue
		}
		for i, offer := range offers {
			// The most specific range that matches decides.
			if precision := matches(media, offer); precision > choices[i].precision {
				choices[i] = choice{quality, precision}
			}
		}
	}
	most := slices.MaxFunc(choices, func(a, b choice) int {
		switch {
		case a.quality < b.quality:
			return -1
		case a.quality > b.quality:
			return 1
		}
		return 0
	})
	if most.quality == 0 {
		return "", false
	}
	return offers[slices.IndexFunc(choices, func(c choice) bool { return c.quality == most.quality })], true
}

// mediaRange reads a media range and its weight. One that is malformed matches nothing.
func mediaRange(part string) (media string, quality float64, ok bool) {
	media, parameters, err := mime.ParseMediaType(part)
	if err != nil {
		return "", 0, false
	}
	quality = 1
	if q, given := parameters["q"]; given {
		quality, err = strconv.ParseFloat(q, 64)
		if err != nil || !(quality >= 0 && quality <= 1) {
			return "", 0, false
		}
	}
	return media, quality, true
}

// matches is how precisely a media range matches a type, 0 for not at all.
func matches(media, offer string) int {
	kind, _, _ := strings.Cut(offer, "/")
	switch media {
	case offer:
		return 3
	case kind + "/*":
		return 2
	case "*/*":
		return 1
	}
	return 0
}
