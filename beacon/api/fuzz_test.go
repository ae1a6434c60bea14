package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
)

// A body is either read, with ids within their limit, or refused with an error that a client can be told.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", `["1","0x12"]`, "{}", `{"ids":["1"],"statuses":["active"]}`, `{"ids":null,"x":[{"y":1}]}`, `{"ids":[1]}`, `["1"`, "[[[[", `{"ids":["1"]}x`,
		`["0x` + strings.Repeat("ab", 48) + `"]`,
	} {
		f.Add(seed)
	}
	refusal := func(t *testing.T, err error) {
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Code < 400 || e.Code > 499) {
			t.Errorf("refused with %v", err)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		ids, err := parseList(strings.NewReader(body))
		refusal(t, err)
		if err == nil && len(ids) > strings.Count(body, `"`)/2 {
			t.Errorf("%d ids from %q", len(ids), body)
		}
		for _, required := range []bool{true, false} {
			sel, err := parseSelector(strings.NewReader(body), required)
			refusal(t, err)
			if err == nil && len(sel.ids)+len(sel.statuses) > strings.Count(body, `"`)/2 {
				t.Errorf("%d ids and %d statuses from %q", len(sel.ids), len(sel.statuses), body)
			}
		}
	})
}

// What a path or a query says is read as exactly one thing, or not at all.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{"", "0", "18446744073709551616", "+1", "0x", "0x" + strings.Repeat("0F", 32), "0x" + strings.Repeat("ab", 48), "1,2,,3", "a=1&b=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := parseNumber(text); ok && strings.TrimLeft(decimal(n), "0") != strings.TrimLeft(text, "0") {
			t.Errorf("%q is read as %d", text, n)
		}
		if root, ok := parseRoot(text); ok && !strings.EqualFold(root.String(), text) {
			t.Errorf("%q is read as %v", text, root)
		}
		if id, ok := parseID(text); ok && id.isKey && !strings.EqualFold(id.key.String(), text) {
			t.Errorf("%q is read as %v", text, id.key)
		}
		query, err := url.ParseQuery("id=" + url.QueryEscape(text))
		check(t, err)
		c := &call{query: query}
		if values, err := c.list("id", maxQueryIDs); err == nil && (len(values) > maxQueryIDs || strings.Join(values, ",") != text) {
			t.Errorf("%q is read as %q", text, values)
		}
	})
}

// An Accept header chooses something that was offered, or nothing.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"", "*/*", "application/json;q=0.5, application/octet-stream", "a/b;q=nan", ";;,,q=1", "application/*;q=1.5"} {
		f.Add(seed)
	}
	offers := []string{mediaJSON, mediaSSZ}
	f.Fuzz(func(t *testing.T, header string) {
		best, ok := accepts([]string{header}, offers)
		if ok != slices.Contains(offers, best) {
			t.Errorf("%q chooses %q", header, best)
		}
	})
}

// Whatever a request looks like, a server answers it, and never with a failure of its own.
func FuzzRequests(f *testing.F) {
	for _, r := range routes() {
		f.Add(r.method, filled(r.pattern))
	}
	f.Add("GET", "/eth/v1/beacon/states/%2e%2e/root?x=%")
	f.Add("POST", "//eth/v1/../..//node/version")
	s, err := New(Config{Spec: params.Minimal(), AllowedHosts: []string{"*"}})
	check(f, err)
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.Parse(target)
		if err != nil || method == "" || strings.ContainsAny(method, " \r\n\t") {
			return
		}
		recorder := httptest.NewRecorder()
		s.Handler().ServeHTTP(recorder, &http.Request{Method: method, URL: u, Host: "localhost", Header: http.Header{}, Body: http.NoBody})
		if recorder.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %s", method, target, recorder.Body)
		}
	})
}
