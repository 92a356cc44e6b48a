// Package engine is multicast DNS for XEP-0174 as a pure state machine: RFC
// 6762 responder and querier for one service instance of
// _presence._tcp.local and everybody else's.
//
// It has no goroutine, clock, socket or source of randomness of its own. Time
// comes in with every call, packets and changes of links come in as calls, what
// to send and what happened is collected with Take. Next tells when Tick is to
// be called if nothing else happens. Calls must come one at a time and with time
// that does not go backwards.
//
// What is on a link about our own instance:
//
//	          Publish, new link, new address
//	idle ------------------------------------> probing --(3 probes unanswered)--> live
//	 ^                                          |   ^                              |
//	 |<---- Withdraw (no goodbye needed) -------|   |<--- conflict (RFC 6762 9) ----|
//	 |                                      conflict: rename, probe again          |
//	 |<---------------------- Withdraw: goodbye at 0 and 1 s ----------------------|
//
// What is known about an instance of somebody else:
//
//	(nothing) --PTR--> heard --SRV known, TXT known or waited for--> joined
//	   ^                 |                                             |
//	   |<--- goodbye + 1 s, expiry, 10 s without answer, 10 s without link, eviction
//
// No packet takes an instance away that has a live stream with us (Config.Live).
// Wake starts all links again, Rename goes to idle and on with other names,
// Silence goes to idle without a word, forgets everybody and sends nothing.
//
// Everything that others can make the engine keep or send has a bound: see
// limits.go and security.md L-20 to L-25.
package engine
