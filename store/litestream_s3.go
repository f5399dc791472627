package store

import _ "github.com/benbjohnson/litestream/s3" // its URLs
