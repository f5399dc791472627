package apps

import (
	"embed"

	"dashd/app"
	"dashd/app/html"
)

// The app's own files. All that an app needs is in the binary.
//
//go:embed image_one.png image_two.png
var images embed.FS

// LocalState shows images of its own, by both ways to name them.
func LocalState() *app.App {
	a := app.New("LocalState")
	a.Title = "Images of its own"
	a.Access = app.Public
	a.Assets = images
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		return html.Div{Children: app.List{
			html.Img{ID: "image-one", Src: ctx.AssetURL("image_one.png"), Alt: "The sun over hills", Width: 100},
			html.Img{ID: "image-two", Src: "assets/image_two.png", Alt: "The moon over waves", Width: 100},
		}}, nil
	}
	return a
}
