// Package trust keeps the pins: which keys the user accepted, under which
// petname, and what a key is to us now (security.md 6).
//
// Call Open once per profile; it reads the file "trust". Judge says what a
// proven key is; the other methods that take a time or a petname are user
// actions and return when the change is on disk. Keys that the user never
// decided about are not kept here: unknown and conflict are found anew by
// Judge, from the contacts as they are at that moment.
//
//	unknown --Accept--> pinned --Verify--> verified
//	unknown --Verify--> verified
//	unknown, conflict --AcceptAs--> pinned
//	conflict --Replace, ReplaceVerified--> pinned, verified; the old key: retired
//	retired --Accept--> unknown        blocked --Unblock--> unknown
//	any --Block--> blocked             any --Forget--> not kept
//
// Nothing else moves a key from one state to another. A key that uses the name
// of a contact never changes that contact; Seen, the one method that is called
// without the user, touches when, where and under which names a contact was
// here, never a pin, a petname or a state (P-03).
//
// # Limits and goroutines
//
// At most 4,096 keys and 8 MiB of file; 8 names and 4 addresses per key. Half
// of the room is kept for decisions that a person took one by one. All methods
// may be called from any goroutine; none starts one. Reading never waits for
// the disk.
//
// # The file
//
// Indented JSON: version 2 and an array of contacts, sorted by petname. A newer
// version, an unknown or repeated field, a pin or petname given twice and
// anything else out of order is a *FileError, never an empty store (P-26).
package trust
