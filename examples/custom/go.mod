module custom

go 1.26.0

require dashd v0.0.0

require (
	github.com/a-h/templ v0.3.977 // indirect
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/lmittmann/tint v1.2.1 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace dashd => ../..
