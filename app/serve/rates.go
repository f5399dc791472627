package serve

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"dashd/app"
)

// allowance is what one address may do: so often at once, and then in each
// second. All people of a house or an office share an address.
type allowance struct {
	perSecond rate.Limit
	atOnce    int
}

// The allowances of an address.
var (
	// Sessions begun, and sets of initial arguments for anonymous visitors: what
	// makes the database grow by mere visits.
	beginnings = allowance{2, 500}

	// Connections of pipes. All those of an address may come back at once.
	connections = allowance{20, 1000}
)

// maxRated is how many addresses are remembered, once or twice over.
const maxRated = 5000

// addressRates hold the rate of each address. It is safe for concurrent use.
type addressRates struct {
	mu sync.Mutex

	// An address moves from before to now when it is used. When now is full, it
	// takes the place of before, and what has not been used since is forgotten.
	now, before map[string]*rate.Limiter
}

// wait returns 0 and counts one of the address, or how long that has to wait.
func (a *addressRates) wait(address string, allowed allowance) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.now[address]
	if limiter == nil {
		if limiter = a.before[address]; limiter == nil {
			limiter = rate.NewLimiter(allowed.perSecond, allowed.atOnce)
		}
		if a.now == nil || len(a.now) >= maxRated {
			a.now, a.before = map[string]*rate.Limiter{}, a.now
		}
		a.now[address] = limiter
	}
	reservation := limiter.Reserve()
	wait := reservation.Delay()
	if wait > 0 {
		reservation.Cancel()
	}
	return wait
}

// limit counts one of the visitor's address, or refuses it with TooMany.
func (s *Server) limit(w http.ResponseWriter, r *http.Request, rates *addressRates, allowed allowance) error {
	address := s.countedAddress(r)
	if address == "" {
		return nil
	}
	wait := rates.wait(address, allowed)
	if wait == 0 {
		return nil
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return app.Errorf(app.TooMany, "There are too many visits from your address; wait a moment.")
}

// countedAddress returns what counts as one address: who has one of IPv6 has its
// /64. It is "" for who is not counted. Those are the proxies, and all that
// comes from this machine, where a proxy may be that is not named: behind it,
// all visitors would be one.
func (s *Server) countedAddress(r *http.Request) string {
	ip, ok := parseNode(r.RemoteAddr)
	switch {
	case !ok || ip.IsLoopback() || s.proxies.include(ip):
		return ""
	case ip.Is4():
		return ip.String()
	default:
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
}
