// Package control is the control socket: how commands, bots and other
// front-ends talk to the node that holds a profile (cli.md, Control socket).
//
// JSON-RPC 2.0, one message a line of at most 256 KiB. Methods have the names
// of the commands; their parameters are objects. "subscribe" answers with
// null and then sends notifications named "event", whose parameter is an
// event of `llchat watch`. A failed call has the code -32000 and in its data
// the fields error, hint, code (the exit code) and candidates. An error whose
// id is null is about the connection. Batches are not supported.
//
// A slow reader of events holds up nothing but itself: state events coalesce,
// and for facts that no longer fit it gets one resync.
//
// Serve answers for a node, Dial gives a Client, which is a chat.API. The
// socket is 0600 in a 0700 folder, and only the own user is served
// (security.md G-7).
package control

import (
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"llchat/internal/chat"
)

// maxRequest bounds what a front-end says at once (G-7). The longest text
// (L-12, 32 KiB) fits unless nearly all of it is what JSON escapes.
const maxRequest = 64 << 10

// maxEvent bounds a line of a subscription: the longest text when each octet of
// it has six in JSON (\u003c), as some encoders write them.
const maxEvent = 256 << 10

// maxAnswer bounds what a client reads at once: a page of history.
const maxAnswer = 64 << 20

// Codes of JSON-RPC 2.0.
const (
	codeParse   = -32700
	codeRequest = -32600
	codeMethod  = -32601
	codeParams  = -32602
	codeFailed  = -32000
)

// request is a call, or with no ID a notification.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// response is the answer to a call; or, with a Method, an event.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
}

type rpcError struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Data    *chat.Error `json:"data,omitempty"`
}

// params holds the parameters of every method.
type params struct {
	Who     string   `json:"who,omitempty"`
	Text    string   `json:"text,omitempty"`
	Key     string   `json:"key,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Address string   `json:"address,omitempty"`
	Value   string   `json:"value,omitempty"`
	Before  int64    `json:"before,omitempty"`
	Most    int      `json:"most,omitempty"`
	Since   uint64   `json:"since,omitempty"`
	ID      string   `json:"id,omitempty"`
	Query   string   `json:"query,omitempty"`
	Writes  bool     `json:"writes,omitempty"`

	Petname  string `json:"petname,omitempty"`
	As       string `json:"as,omitempty"` // petnames that decide a conflict
	NewKeyOf string `json:"newKeyOf,omitempty"`
	After    int64  `json:"after,omitempty"`
	Old      []byte `json:"old,omitempty"` // passphrases, in base64
	New      []byte `json:"new,omitempty"`

	Writing *chat.Writing `json:"writing,omitempty"`
}

// isText reports whether all that is sent is UTF-8.
func (p params) isText() bool {
	parts := append([]string{p.Who, p.Text, p.Key, p.Address, p.Value, p.ID, p.Query, p.Petname, p.As, p.NewKeyOf}, p.Keys...)
	if w := p.Writing; w != nil {
		parts = append(append(parts, w.ID, w.Text, w.Reply, w.Hint, w.Replaces, w.Retracts, w.Reacts), w.Emoji...)
	}
	return !slices.ContainsFunc(parts, func(s string) bool { return !utf8.ValidString(s) })
}

// failure turns an error into its answer.
func failure(err error) *rpcError {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return &rpcError{Code: codeFailed, Message: e.Text, Data: e}
	}
	return &rpcError{Code: codeFailed, Message: err.Error(), Data: &chat.Error{
		Code: chat.CodeError, Text: err.Error(), Hint: chat.HintFor(err),
	}}
}
