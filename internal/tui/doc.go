// Package tui is the window: a roster, a conversation, a line to write in.
//
// [Run] shows it on a terminal, [Plain] is the same engine and the same
// commands as appended lines. Both hold a [chat.API] and nothing else of the
// program.
//
// One model owns all state, and it changes only in Update. Calls of the API
// run as commands, beside the loop. One goroutine reads the feed and hands
// over what came in batches, at most 30 a second. The message list draws what
// is visible and keeps the rows of the last thousand messages; nothing costs
// more when the history grows.
//
// Colours follow the terminal: truecolour, 256, 16 or none (NO_COLOR), and its
// ground, asked for without waiting. LLCHAT_THEME=dark, light or contrast
// chooses, LLCHAT_ASCII=1 keeps signs to ASCII as on the Linux console.
//
// Drawing goes through package ink, which takes a peer's text only as
// [safetext.Text].
package tui
