package wire

import "strconv"

// WriteCall appends a call of JSON-RPC.
func WriteCall(dst []byte, id int64, method string, params Value) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, `,"method":"`...)
	dst = append(dst, method...)
	dst = append(dst, `","params":`...)
	return append(params.write(dst), '}')
}

// Call is a call of JSON-RPC as a server reads it. ID and Params are parts of the source.
type Call struct {
	ID     []byte
	Method string
	Params []byte
}

// Value is the call, without a look at its parameters.
func (c *Call) Value() Value {
	var version string
	return Object(
		Need("jsonrpc", Text(&version, maxText)),
		Need("id", Raw(&c.ID)),
		Need("method", Text(&c.Method, maxText)),
		May("params", Raw(&c.Params)),
	)
}

// WriteResult appends an answer; id is that of the call.
func WriteResult(dst, id []byte, result Value) []byte {
	dst = append(append(append(dst, `{"jsonrpc":"2.0","id":`...), id...), `,"result":`...)
	return append(result.write(dst), '}')
}

// WriteError appends an answer that is an error.
func WriteError(dst, id []byte, e *RPCError) []byte {
	dst = append(append(append(dst, `{"jsonrpc":"2.0","id":`...), id...), `,"error":`...)
	return append(e.value().write(dst), '}')
}

func (e *RPCError) value() Value {
	code := int64(e.Code)
	fields := []Field{Need("code", Number(&code)), Need("message", Text(&e.Message, maxMessage))}
	if e.Detail != "" {
		fields = append(fields, Need("data", Object(Need("err", Text(&e.Detail, maxMessage)))))
	}
	return Object(fields...)
}

// rpcError reads an error; whatever data is besides an object with err is no matter.
type rpcError struct{ p *RPCError }

func (v rpcError) write(dst []byte) []byte { return v.p.value().write(dst) }
func (v rpcError) read(r *reader) error {
	var code int64
	var extra []byte
	err := Object(
		Need("code", Number(&code)),
		May("message", clipped{&v.p.Message, maxMessage}),
		May("data", Raw(&extra)),
	).read(r)
	if err != nil {
		return err
	}
	v.p.Code = Code(code)
	var detail string
	if Read(extra, Object(Need("err", clipped{&detail, maxMessage}))) == nil {
		v.p.Detail = detail
	}
	return nil
}

// result reads the result of an answer. A null is looked at after the whole answer, for it is what some send besides an error.
type result struct {
	inner      Value
	null, seen *bool
}

func (v result) write(dst []byte) []byte { return v.inner.write(dst) }
func (v result) read(r *reader) error {
	*v.seen = true
	if r.literal("null") {
		*v.null = true
		return nil
	}
	return v.inner.read(r)
}

// ReadAnswer reads the answer to call id into result. An answer that is an error gives an *RPCError.
func ReadAnswer(src []byte, id int64, into Value) error {
	var (
		version    string
		got        int64
		failure    *RPCError
		null, seen bool
	)
	err := Read(src, Object(
		Need("jsonrpc", Text(&version, maxText)),
		May("id", Number(&got)),
		Field{name: "result", value: result{into, &null, &seen}, missing: true},
		May("error", Nullable(&failure, func(e *RPCError) Value { return rpcError{e} })),
	))
	switch {
	case err != nil:
		return err
	case version != "2.0":
		return at("jsonrpc", bad("version %q, want 2.0", version))
	case failure != nil:
		return failure // An error about a call that could not be read has no identifier.
	case got != id:
		return at("id", bad("%d, want %d", got, id))
	case !seen:
		return bad("neither result nor error")
	case null:
		if err := Read([]byte("null"), into); err != nil {
			return at("result", err)
		}
	}
	return nil
}
