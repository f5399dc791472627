//go:build !linux

package serve

// diskKind tells what a directory is on, which only Linux says in a way that is
// known here.
func diskKind(string) (network string, card bool) { return "", false }
