package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"dashd/app"
)

// Passwords are guessed from one address for one account, from one address for
// many accounts, and for one account from many addresses. So many failures of
// each kind are free; after them, each makes the next attempt wait longer.
//
// The last two are a brake that hits colleagues, too. They do not hold up who
// has signed in to the account from the address before: nobody can lock out
// somebody else.
const (
	freePerPair    = 5
	freePerAddress = 50
	freePerAccount = 100
)

const (
	longestWait = 15 * time.Minute

	// Each such time without a failure halves their number.
	forgetHalf = time.Hour
	forgetAll  = 24 * time.Hour

	// How long it counts that somebody has signed in from an address.
	rememberKnown = 30 * 24 * time.Hour
)

// ThrottledError refuses a sign-in after too many that failed. It is an
// [app.Error] of code TooMany, too.
type ThrottledError struct {
	RetryAfter time.Duration // whole seconds
}

// Error implements error.
func (e *ThrottledError) Error() string {
	n, unit := int64(e.RetryAfter/time.Second), "second"
	if n >= 120 {
		n, unit = (n+59)/60, "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("Too many attempts to sign in. Try again in %d %s.", n, unit)
}

// Unwrap returns the error as an [app.Error].
func (e *ThrottledError) Unwrap() error { return app.Errorf(app.TooMany, "%s", e.Error()) }

// attempt is somebody's attempt to sign in.
type attempt struct {
	pair, address, account failures
	known                  []byte // key of the row that says: has signed in from here
}

// newAttempt makes the keys of the rows. They are keyed hashes, because people
// type passwords into the field of the name.
func (s *Store) newAttempt(name, address string) attempt {
	name, address = foldName(name), network(address)
	return attempt{
		pair:    failures{freePerPair, s.MAC("pair", name, address)},
		address: failures{freePerAddress, s.MAC("address", address)},
		account: failures{freePerAccount, s.MAC("account", name)},
		known:   s.MAC("known", name, address),
	}
}

// network returns what counts as one address: who has one of IPv6 has its /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// begin refuses an attempt that has to wait with a [ThrottledError]. Any other
// counts as failed until it succeeds, so that parallel guesses gain nothing.
func (a attempt) begin(tx *Tx) error {
	limits := []failures{a.pair}
	known, err := exists(tx, `SELECT 1 FROM throttles WHERE key = ?`, a.known)
	if err != nil {
		return err
	}
	if !known {
		limits = append(limits, a.address, a.account)
	}
	var wait time.Duration
	for _, f := range limits {
		w, err := f.wait(tx)
		if err != nil {
			return err
		}
		wait = max(wait, w)
	}
	if wait > 0 {
		return &ThrottledError{RetryAfter: (wait + time.Second - 1).Truncate(time.Second)}
	}
	return a.pair.add(tx)
}

// fail counts the failure for the address and the account as a whole.
func (a attempt) fail(tx *Tx) error { return errors.Join(a.address.add(tx), a.account.add(tx)) }

// succeed forgets the failures from this address.
func (a attempt) succeed(tx *Tx) error {
	if _, err := tx.Exec(`DELETE FROM throttles WHERE key = ?`, a.pair.key); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO throttles (key, failures, updated) VALUES (?, 0, ?)
		ON CONFLICT (key) DO UPDATE SET updated = excluded.updated`, a.known, tx.now)
	return err
}

// failures is a row that counts failed attempts.
type failures struct {
	free int64 // so many come before the first wait
	key  []byte
}

// count returns how many failures are not forgotten, and when the last was.
func (f failures) count(tx *Tx) (n, last int64, err error) {
	err = tx.QueryRow(`SELECT failures, updated FROM throttles WHERE key = ?`, f.key).Scan(&n, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	since := timeOf(tx.now).Sub(timeOf(last))
	if since < 0 { // the clock was wrong then, and nobody waits for that time to come
		return 0, 0, err
	}
	return n >> (since / forgetHalf), last, err
}

// wait returns how long the next attempt has to wait.
func (f failures) wait(tx *Tx) (time.Duration, error) {
	n, last, err := f.count(tx)
	if err != nil || n < f.free {
		return 0, err
	}
	delay := min(longestWait, time.Second<<min(n-f.free, 10))
	return timeOf(last).Add(delay).Sub(timeOf(tx.now)), nil
}

// add counts one more.
func (f failures) add(tx *Tx) error {
	n, _, err := f.count(tx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO throttles (key, failures, updated) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, updated = excluded.updated`, f.key, n+1, tx.now)
	return err
}

// sweepThrottles removes what is forgotten.
func sweepThrottles(tx *Tx) error {
	_, err := tx.Exec(`DELETE FROM throttles WHERE updated < CASE failures WHEN 0 THEN ? ELSE ? END`,
		tx.now-rememberKnown.Milliseconds(), tx.now-forgetAll.Milliseconds())
	if err != nil {
		return fmt.Errorf("forget failed sign-ins: %w", err)
	}
	return nil
}
