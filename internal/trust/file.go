package trust

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"

	"llchat/internal/identity"
)

const (
	fileVersion = 2 // 1 had neither tls, group nor replacedBy
	maxFile     = 8 << 20
	// maxText bounds a name in the file: L-27 lets 63 octets in, which
	// become no more than this when they are cleaned.
	maxText = 255
	// maxDepth is that of the format: file, contacts, contact, names.
	maxDepth = 4
)

// Hints for the person who started llchat.
const (
	hintCorrupt = "correct it, or put trust.1, the version before the last change, in its place; or move both away and take your backup in: llchat restore FILE"
	hintNewer   = "it was written by a newer llchat; use that one"
	hintLost    = "put trust.1 in its place; or move that away, too, and take your backup in: llchat restore FILE"
)

// FileError is a file "trust" that cannot be used.
type FileError struct {
	Problem string // lower case, a fact
	Hint    string // what the user can do
	Err     error  // the cause, if there is one
}

// Error is part of error.
func (e *FileError) Error() string {
	if e.Err != nil {
		return "trust file: " + e.Problem + ": " + e.Err.Error()
	}
	return "trust file: " + e.Problem
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

func corrupt(problem string, cause error) error {
	return &FileError{Problem: problem, Hint: hintCorrupt, Err: cause}
}

// document is the file.
type document struct {
	Version  int      `json:"version"`
	Contacts []record `json:"contacts"`
}

// record is one Contact in the file.
type record struct {
	Fingerprint identity.Pin `json:"fingerprint"`
	Petname     string       `json:"petname,omitempty"`
	State       State        `json:"state"`
	How         string       `json:"how"`
	Since       time.Time    `json:"since"`
	FirstSeen   time.Time    `json:"firstSeen,omitzero"`
	LastSeen    time.Time    `json:"lastSeen,omitzero"`
	Names       []string     `json:"names,omitempty"`
	Addresses   []string     `json:"addresses,omitempty"`
	TLS         string       `json:"tls,omitempty"`
	Group       string       `json:"group,omitempty"`
	ReplacedBy  identity.Pin `json:"replacedBy,omitzero"`
}

// fields are the names that the format has; encoding/json would take them in
// any case of letters.
var fields = []string{
	"version", "contacts", "fingerprint", "petname", "state", "how", "since",
	"firstSeen", "lastSeen", "names", "addresses", "tls", "group", "replacedBy",
}

// encode returns the file, always the same for the same contacts. What decode
// would refuse is not written.
func encode(t *table) ([]byte, error) {
	doc := document{Version: fileVersion, Contacts: []record{}}
	for _, c := range t.all() {
		r := newRecord(c)
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("encode pin store: key %s: %w", c.Pin.Label(), err)
		}
		doc.Contacts = append(doc.Contacts, r)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a person reads it
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("encode pin store: %w", err)
	}
	if b.Len() > maxFile {
		return nil, ErrFull
	}
	return b.Bytes(), nil
}

// decode is strict: what it does not understand to the last field it refuses,
// because the next change would drop it.
func decode(data []byte) (*table, error) {
	if len(data) > maxFile {
		return nil, corrupt("too long", nil)
	}
	if err := checkVersion(data); err != nil {
		return nil, err
	}
	if err := checkFields(data); err != nil {
		return nil, corrupt("not in order", err)
	}
	var doc document
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, corrupt("not in order", err)
	}
	switch {
	case doc.Contacts == nil:
		return nil, corrupt("no contacts field", nil)
	case len(doc.Contacts) > maxContacts:
		return nil, corrupt(fmt.Sprintf("more than %d contacts", maxContacts), nil)
	}
	return tabulate(doc.Contacts)
}

// checkVersion comes first, so that a newer file is not called corrupt.
func checkVersion(data []byte) error {
	var doc struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return corrupt("not JSON as it should be", err)
	}
	switch v := doc.Version; {
	case v == nil || *v < 1:
		return corrupt("no version", nil)
	case *v > fileVersion:
		return &FileError{Problem: fmt.Sprintf("version %d is not known", *v), Hint: hintNewer}
	}
	return nil
}

// checkFields refuses fields that are given twice or spelt otherwise.
func checkFields(data []byte) error {
	return checkValue(json.NewDecoder(bytes.NewReader(data)), 0)
}

func checkValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	open, ok := token.(json.Delim)
	if err != nil || !ok {
		return err
	}
	if depth == maxDepth {
		return errors.New("nested too deep")
	}
	var seen []string
	for d.More() {
		if open == '{' {
			if seen, err = takeField(d, seen); err != nil {
				return err
			}
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func takeField(d *json.Decoder, seen []string) ([]string, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	name, _ := token.(string)
	switch {
	case !slices.Contains(fields, name):
		return nil, fmt.Errorf("unknown field %q", name)
	case slices.Contains(seen, name):
		return nil, fmt.Errorf("field %q given twice", name)
	}
	return append(seen, name), nil
}

// tabulate checks the records and makes a table of them.
func tabulate(records []record) (*table, error) {
	t := newTable()
	petnames := make(map[string]bool, len(records))
	for i, r := range records {
		if err := r.check(); err != nil {
			return nil, corrupt(fmt.Sprintf("contact %d", i+1), err)
		}
		if _, ok := t.entries[r.Fingerprint]; ok {
			return nil, corrupt(fmt.Sprintf("contact %d has the fingerprint of another one", i+1), nil)
		}
		if r.Petname != "" && petnames[r.Petname] {
			return nil, corrupt(fmt.Sprintf("contact %d has the petname of another one", i+1), nil)
		}
		petnames[r.Petname] = true
		t.put(r.contact())
	}
	return t, nil
}

// check does not ask whether the texts are as safetext would write them today:
// its tables may change with the next version of Unicode.
func (r record) check() error {
	stored := []State{Pinned, Verified, Blocked, Retired}
	switch {
	case r.Fingerprint.IsZero():
		return errors.New("no fingerprint")
	case !slices.Contains(stored, r.State):
		return fmt.Errorf("state %q", r.State)
	case r.Petname == "" && r.State != Blocked:
		return errors.New("no petname")
	case unfit(r.Petname) || unfit(r.How) || slices.ContainsFunc(r.Names, unfit):
		return errors.New("a name is too long or no plain text")
	case strange(r.Since) || strange(r.FirstSeen) || strange(r.LastSeen):
		return errors.New("a time is out of range")
	case len(r.Names) > maxNames:
		return fmt.Errorf("more than %d names", maxNames)
	case slices.Contains(r.Names, ""):
		return errors.New("empty name")
	case len(r.Addresses) > maxAddrs:
		return fmt.Errorf("more than %d addresses", maxAddrs)
	case slices.ContainsFunc(r.Addresses, func(a string) bool { return cleanAddr(a) != a || a == "" }):
		return errors.New("an address is none")
	case !r.ReplacedBy.IsZero() && (r.State != Retired || r.ReplacedBy == r.Fingerprint):
		return errors.New("a key takes the place of one that is not retired, or its own")
	}
	return r.checkSecurity()
}

// strange reports a year that JSON cannot say.
func strange(at time.Time) bool { return at.UTC().Year() < 1 || at.UTC().Year() > 9999 }

func unfit(text string) bool {
	return len(text) > maxText || bytes.ContainsFunc([]byte(text), unicode.IsControl)
}

func newRecord(c Contact) record {
	return record{
		Fingerprint: c.Pin, Petname: c.Petname, State: c.State, How: c.By,
		Since: c.Since, FirstSeen: c.FirstSeen, LastSeen: c.LastSeen,
		Names: c.Names, Addresses: c.LastAddrs, ReplacedBy: c.ReplacedBy,
		TLS: nameOf(versions, c.Security.Version), Group: nameOf(groups, uint16(c.Security.Group)),
	}
}

func (r record) contact() Contact {
	return Contact{
		Pin: r.Fingerprint, Petname: r.Petname, State: r.State, By: r.How,
		Since: r.Since.UTC(), FirstSeen: r.FirstSeen.UTC(), LastSeen: r.LastSeen.UTC(),
		Names: r.Names, LastAddrs: r.Addresses, ReplacedBy: r.ReplacedBy,
		Security: Security{Version: idOf(versions, r.TLS), Group: tls.CurveID(idOf(groups, r.Group))},
	}
}
