package wire

import "fmt"

// Code is an error code of JSON-RPC or of the Engine API. It is an error itself, so that errors.Is(err, wire.UnknownPayload)
// asks for it. Spec: "Errors" (common.md).
type Code int

// The codes that the Engine API names.
const (
	ParseError               Code = -32700
	InvalidRequest           Code = -32600
	MethodNotFound           Code = -32601
	InvalidParams            Code = -32602
	InternalError            Code = -32603
	ServerError              Code = -32000
	UnknownPayload           Code = -38001
	InvalidForkchoiceState   Code = -38002
	InvalidPayloadAttributes Code = -38003
	TooLargeRequest          Code = -38004
	UnsupportedFork          Code = -38005
	TooDeepReorg             Code = -38006
)

// Error is the meaning of the code in the words of common.md.
func (c Code) Error() string {
	names := map[Code]string{
		ParseError: "Parse error", InvalidRequest: "Invalid Request", MethodNotFound: "Method not found", InvalidParams: "Invalid params",
		InternalError: "Internal error", ServerError: "Server error", UnknownPayload: "Unknown payload",
		InvalidForkchoiceState: "Invalid forkchoice state", InvalidPayloadAttributes: "Invalid payload attributes",
		TooLargeRequest: "Too large request", UnsupportedFork: "Unsupported fork", TooDeepReorg: "Too deep reorg",
	}
	if name, ok := names[c]; ok {
		return name
	}
	return fmt.Sprintf("error code %d", int(c))
}

// RPCError is an answer that is an error.
type RPCError struct {
	Code    Code
	Message string // as the server words it, at most a few hundred characters
	Detail  string // data.err of a Server error
}

// Error has code and message.
func (e *RPCError) Error() string {
	text := fmt.Sprintf("%s (%d)", e.Code.Error(), int(e.Code))
	if e.Message != "" && e.Message != e.Code.Error() {
		text += ": " + e.Message
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Is makes errors.Is find the code.
func (e *RPCError) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}
