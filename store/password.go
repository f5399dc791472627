package store

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"dashd/app"
)

// PasswordCost is what the argon2id hash of a new password costs whoever makes
// or guesses it.
type PasswordCost struct {
	Memory  uint32 // KiB
	Passes  uint32 // at least 1
	Threads uint8  // at least 1
}

// DefaultPasswordCost is OWASP's recommendation for small machines.
var DefaultPasswordCost = PasswordCost{Memory: 19 << 10, Passes: 2, Threads: 1}

const (
	shortestPassword, longestPassword = 8, 1024 // bytes

	saltSize, keySize = 16, 32

	hashesAtOnce  = 1  // it has its memory and a core: small machines have few
	hashesWaiting = 64 // more visitors than these are sent away
)

// checkPassword returns an Invalid error when a password is too short or too
// long.
func checkPassword(password string) error {
	if len(password) < shortestPassword || len(password) > longestPassword {
		return app.Errorf(app.Invalid, "A password has %d to %d characters.", shortestPassword, longestPassword)
	}
	return nil
}

// GeneratePassword returns a random password that people can read to each
// other: 100 bits in four groups, such as "k3vqz-7hdtw-mxa2p-c4nge".
func GeneratePassword() string {
	letters := strings.ToLower(rand.Text())
	return letters[:5] + "-" + letters[5:10] + "-" + letters[10:15] + "-" + letters[15:20]
}

// hasher makes and checks password hashes, few at once. It is safe for
// concurrent use.
type hasher struct {
	work chan struct{} // holds one for each hash being made
	all  chan struct{} // and for those that wait, too
}

func newHasher() *hasher {
	return &hasher{
		work: make(chan struct{}, hashesAtOnce),
		all:  make(chan struct{}, hashesAtOnce+hashesWaiting),
	}
}

// hash makes the hash of a password with a new salt, in PHC form. Errors:
// TooMany, that of ctx.
func (h *hasher) hash(ctx context.Context, password string, cost PasswordCost) (string, error) {
	p := passwordHash{cost: cost, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	rand.Read(p.salt)
	key, err := h.key(ctx, password, p)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// verify reports whether a hash in PHC form is that of a password, and whether
// it is outdated: made at another cost. The hash "" is that of no password, and
// takes as long as one of cost. Errors as hash, and for a hash that cannot be
// read.
func (h *hasher) verify(ctx context.Context, password, hash string, cost PasswordCost) (right, outdated bool, err error) {
	p := passwordHash{cost: cost, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	if hash != "" {
		if p, err = parsePasswordHash(hash); err != nil {
			return false, false, err
		}
	}
	key, err := h.key(ctx, password, p)
	if err != nil {
		return false, false, err
	}
	right = subtle.ConstantTimeCompare(key, p.key) == 1
	return right && hash != "", p.cost != cost, nil
}

// key derives the key of a password with the cost, the salt and the key size of
// p, when its turn comes.
func (h *hasher) key(ctx context.Context, password string, p passwordHash) ([]byte, error) {
	select {
	case h.all <- struct{}{}:
		defer func() { <-h.all }()
	default:
		return nil, app.Errorf(app.TooMany, "Too many people are signing in just now. Try again in a moment.")
	}
	select {
	case h.work <- struct{}{}:
		defer func() { <-h.work }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), p.salt, p.cost.Passes, p.cost.Memory, p.cost.Threads, uint32(len(p.key))), nil
}

// passwordHash is an argon2id hash taken apart.
type passwordHash struct {
	cost      PasswordCost
	salt, key []byte
}

const passwordHashForm = "$argon2id$v=%d$m=%d,t=%d,p=%d$"

// String returns the hash in PHC form.
func (p passwordHash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf(passwordHashForm, argon2.Version, p.cost.Memory, p.cost.Passes, p.cost.Threads) + b64(p.salt) + "$" + b64(p.key)
}

// errPasswordHash does not quote the hash: errors are logged.
var errPasswordHash = errors.New("read a password hash: not argon2id in PHC form")

func parsePasswordHash(text string) (p passwordHash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return p, errPasswordHash
	}
	var version int
	form := strings.Join(parts[:4], "$") + "$"
	_, scanErr := fmt.Sscanf(form, passwordHashForm, &version, &p.cost.Memory, &p.cost.Passes, &p.cost.Threads)
	var saltErr, keyErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
	if scanErr != nil || saltErr != nil || keyErr != nil || version != argon2.Version ||
		p.cost.Passes < 1 || p.cost.Threads < 1 || len(p.key) == 0 {
		return p, errPasswordHash
	}
	return p, nil
}
