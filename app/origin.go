package app

import (
	"fmt"
	"net/url"
	"strings"
)

// checkOrigins returns what is wrong with a list of origins. They are compared
// with what browsers send, so they must be written as browsers write them.
func checkOrigins(origins []string) (problems []string) {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "*'; ,") ||
			origin != strings.ToLower(u.Scheme+"://"+u.Host) ||
			u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" || strings.HasSuffix(u.Host, ":") {
			problems = append(problems, fmt.Sprintf("%q is not an origin as browsers write it, such as https://partner.example", origin))
		}
	}
	return problems
}
