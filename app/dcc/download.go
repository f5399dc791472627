package dcc

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// DownloadData is the property data of a [Download]: a callback that returns
// one makes the browser save a file.
type DownloadData struct {
	Content  string  `json:"content"` // text, or base64
	Filename string  `json:"filename"`
	Type     *string `json:"type"` // MIME type; nil is that of the Download
	Base64   bool    `json:"base64"`
}

// SendString returns a download of a text.
func SendString(content, filename string) DownloadData {
	return DownloadData{Content: content, Filename: filename}
}

// SendBytes returns a download of bytes.
func SendBytes(content []byte, filename string) DownloadData {
	return DownloadData{Content: base64.StdEncoding.EncodeToString(content), Filename: filename, Base64: true}
}

// SendFile returns a download of a file of the server, under its own name.
func SendFile(path string) (DownloadData, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return DownloadData{}, fmt.Errorf("send file: %w", err)
	}
	return SendBytes(content, filepath.Base(path)), nil
}

// WithType returns the download with a MIME type, such as "text/csv".
func (d DownloadData) WithType(mime string) DownloadData {
	d.Type = &mime
	return d
}
