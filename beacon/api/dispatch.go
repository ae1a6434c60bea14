package api

import (
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// newHandler builds the server's handler from the table.
func (s *Server) newHandler() http.Handler {
	patterns := map[string]map[string]*route{}
	add := func(pattern, method string, r *route) {
		if patterns[pattern] == nil {
			patterns[pattern] = map[string]*route{}
		}
		patterns[pattern][method] = r
	}
	for _, r := range routes() {
		add(r.pattern, r.method, &r)
	}
	for _, u := range notServed() {
		add(u.pattern, u.method, nil)
	}
	mux := http.NewServeMux()
	for pattern, methods := range patterns {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.route(w, r, methods) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		notFound("There is no path %s", clip(r.URL.Path)).write(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.guard(w, r, mux) })
}

// guard is around all requests: who may ask, what is logged, and what becomes of a panic.
func (s *Server) guard(w http.ResponseWriter, r *http.Request, next http.Handler) {
	begin := time.Now()
	logged := &statusWriter{ResponseWriter: w}
	defer func() {
		failure := recover()
		s.cfg.Metrics.Bytes.Add(float64(logged.bytes))
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", logged.status, "bytes", logged.bytes, "took", time.Since(begin), "from", r.RemoteAddr)
		switch {
		case failure == nil:
		case failure == http.ErrAbortHandler:
			panic(failure) // the server cuts the connection: the client must not take half an answer for a whole one
		default:
			s.log.Error("a request made the API panic; please report this", "method", r.Method, "path", r.URL.Path, "panic", failure, "stack", string(debug.Stack()))
			if logged.status != 0 {
				panic(http.ErrAbortHandler)
			}
			fail(http.StatusInternalServerError, "Internal error").write(logged)
		}
	}()
	if !s.hostAllowed(r.Host) {
		fail(http.StatusForbidden, "Host %s is not allowed", clip(r.Host)).write(logged)
		return
	}
	if s.crossOrigin(logged, r) {
		return
	}
	next.ServeHTTP(logged, r)
}

// hostAllowed tells whether a Host header is one of ours.
func (s *Server) hostAllowed(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return slices.ContainsFunc(s.cfg.AllowedHosts, func(allowed string) bool { return allowed == "*" || strings.EqualFold(allowed, host) })
}

// crossOrigin tells a browser which pages may read answers, and refuses what other pages send: a browser sends some requests to this node without
// asking first, and does what the page wants although it keeps the answer to itself. It answers the questions that browsers ask first.
func (s *Server) crossOrigin(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.cfg.AllowedOrigins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	all := slices.Contains(s.cfg.AllowedOrigins, "*")
	if !all && !slices.Contains(s.cfg.AllowedOrigins, origin) {
		err := new(http.CrossOriginProtection).Check(r)
		if err != nil {
			fail(http.StatusForbidden, "Pages of the origin %s may not send requests to this node", clip(origin)).write(w)
		}
		return err != nil
	}
	if origin == "" {
		return false
	}
	if all {
		origin = "*"
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Expose-Headers", "Eth-Consensus-Version, Eth-Execution-Payload-Blinded, Eth-Execution-Payload-Value, Eth-Consensus-Block-Value")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.Header().Set("Access-Control-Allow-Headers", "Accept, Content-Type, Eth-Consensus-Version")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// route answers a request whose path is known.
func (s *Server) route(w http.ResponseWriter, r *http.Request, methods map[string]*route) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	found, ok := methods[method]
	switch {
	case !ok:
		allowed := []string{}
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		fail(http.StatusMethodNotAllowed, "Method %s is not allowed, only %s", clip(r.Method), strings.Join(allowed, ", ")).write(w)
	case found == nil:
		fail(http.StatusNotImplemented, "This node does not serve the endpoint: %s %s", method, r.Pattern).write(w)
	default:
		logged := &statusWriter{ResponseWriter: w}
		w = logged
		c := &call{s: s, route: found, w: w, r: r, begin: time.Now(), head: r.Method == http.MethodHead}
		defer func() {
			c.end()
			s.cfg.Metrics.Requests.WithLabelValues(found.group, strconv.Itoa(logged.status)).Inc()
			if found.formats != events {
				s.cfg.Metrics.Seconds.Observe(time.Since(c.begin).Seconds())
			}
		}()
		if err := c.run(); err != nil && !c.over(err) {
			e := errorOf(err)
			if e.Code == http.StatusInternalServerError {
				s.log.Warn("a request could not be answered", "path", r.URL.Path, "error", err, "action", "look for damage to the data directory if this repeats")
			}
			e.write(w)
		}
	}
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write counts the bytes.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
