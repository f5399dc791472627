module dashd

go 1.26.0

require (
	github.com/andybalholm/brotli v1.2.7 // indirect
	golang.org/x/text v0.43.0 // indirect
)
