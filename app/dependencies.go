package app

// DependenciesJSON answers _dash-dependencies: what the renderer must know of
// the callbacks. The caller does not change the bytes.
func (a *App) DependenciesJSON() ([]byte, error) {
	b, err := a.ready()
	if err != nil {
		return nil, err
	}
	return b.dependencies, nil
}

// wireDependency is an Input or State in _dash-dependencies.
type wireDependency struct {
	ID       string `json:"id"`
	Property string `json:"property"`
	Optional bool   `json:"allow_optional,omitempty"`
}

// wireCallback is an entry of _dash-dependencies: section 5.1 of Dash's protocol.
type wireCallback struct {
	Output             string           `json:"output"`
	Inputs             []wireDependency `json:"inputs"`
	State              []wireDependency `json:"state"`
	ClientsideFunction *clientside      `json:"clientside_function"`
	PreventInitialCall bool             `json:"prevent_initial_call"`
	Background         any              `json:"background"`
	DynamicCreator     *bool            `json:"dynamic_creator"`
	NoOutput           bool             `json:"no_output"`
	Optional           bool             `json:"optional"`
	Hidden             bool             `json:"hidden"`
	Websocket          bool             `json:"websocket"`
	Persistent         bool             `json:"persistent"`
	Running            *wireRunning     `json:"running,omitempty"`
}

// wireRunning are the properties that the renderer sets while a callback runs,
// and those that it sets afterwards.
type wireRunning struct {
	On  Dict `json:"running"`
	Off Dict `json:"runningOff"`
}

func (c *Callback) wire() wireCallback {
	w := wireCallback{
		Output:             c.name,
		Inputs:             []wireDependency{},
		State:              []wireDependency{},
		PreventInitialCall: c.initial == initialPrevented,
		NoOutput:           len(c.outputs) == 0,
		ClientsideFunction: c.browser,
		Optional:           c.optional,
	}
	if c.browser != nil {
		w.DynamicCreator = new(bool)
	}
	if len(c.running) > 0 {
		w.Running = &wireRunning{On: Dict{}, Off: Dict{}}
		for _, r := range c.running {
			w.Running.On[r.target.String()] = r.on
			w.Running.Off[r.target.String()] = r.off
		}
	}
	for _, d := range c.args {
		item := wireDependency{ID: string(d.id), Property: d.property, Optional: d.optional}
		if d.role == input {
			w.Inputs = append(w.Inputs, item)
		} else {
			w.State = append(w.State, item)
		}
	}
	return w
}
