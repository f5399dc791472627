package app
// placeholder
type ID string
