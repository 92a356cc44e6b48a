// Package history keeps on disk what was said: messages with their delivery
// state, the outbox, the memory that drops repeats, the requests of strangers
// and drafts. It is the truth for every screen (foundations.md 3).
//
// Call Open with the path of the database and the store key; call Close when
// the node stops. One goroutine writes. Calls that arrive while it commits
// share the next commit, and every call returns only after its own commit is
// on the disk. Reads use a second connection and never wait for a commit.
// Every method may be called from any goroutine.
//
// A correction, a retraction or a set of reactions is stored by Correct,
// Retract and React: as a message of its own kind, which waits in the outbox or
// is known when it comes again, and as what it does to the message it is
// about. Page, Search and All show messages as they are now; Outbox and Since
// also give what was said about them.
//
// An error that wraps ErrDamaged is a file that Salvage can make a new one of;
// one that wraps ErrNoSpace passes when there is room.
//
// # What is on disk
//
// One SQLite database, every page of it and of its write-ahead log encrypted
// with Adiantum under the store key, temporary tables in memory, deleted
// content overwritten. Files are 0600. The schema has a version: older files
// are migrated with a copy kept beside them, newer ones are refused. Page
// encryption notices no tampering, so nothing that decides about trust may
// live here (security.md 6.3).
//
// # Limits
//
// An outbox holds 1,000 messages and 8 MiB a contact (L-14), the queue of
// strangers 50 keys with 3 messages and 4 KiB each (L-11), a body 32 KiB
// (L-12), an id 128 octets (L-15). Of a message the first text and its 16
// newest corrections are kept, and 20 reactions of each side. Text is kept as it came, octet for octet:
// making it fit for a terminal is the reader's job.
package history
