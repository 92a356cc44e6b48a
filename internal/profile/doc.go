// Package profile is the folder in which one identity lives: names of files,
// the lock, atomic writes, the store key and the settings.
//
// Find the folder with [Dir], open it with [Open], and before anything goes to
// the network take [Profile.Lock]: one node holds a profile at a time. Reading
// needs no lock. [Temporary] makes a profile that leaves no trace.
//
// A profile is private or it is refused (security.md R-1): folder 0700, files
// 0600, all ours. Files are replaced whole: after a crash at any moment a file
// holds its old or its new contents, and the one before is kept beside it
// with the ending .1. What is damaged, foreign, readable by others or written
// by a newer llchat is an [Error] that says what to do, and is never replaced
// (P-26).
//
// A Profile may be used from several goroutines. All file names are plain;
// work goes through an [os.Root], so no name and no link leads out of the
// folder.
package profile
