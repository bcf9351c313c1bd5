//! A window without a window, whose widgets are found by the names that screen readers use.

#![allow(dead_code, reason = "each test file uses its part")]

use egui::accesskit::Role;
use egui::{Context, Event, FullOutput, Key, Modifiers, PointerButton, Pos2, RawInput, Rect, Ui, pos2, vec2};
use khaima_desktop::{fonts, lock, theme};

/// A widget as a screen reader sees it.
#[derive(Clone, Debug)]
pub struct Widget {
    pub name: String,
    pub role: Role,
    pub rect: Rect,
    pub enabled: bool,
}

pub struct Window {
    pub ctx: Context,
    pub widgets: Vec<Widget>,
    pub last: Option<FullOutput>,
    pub size: egui::Vec2,
    pub has_focus: bool,
    time: f64,
    events: Vec<Event>,
}

impl Window {
    pub fn new() -> Self {
        let ctx = Context::default();
        fonts::install(&ctx);
        theme::install(&ctx);
        lock::install(&ctx);
        ctx.enable_accesskit();
        Self {
            ctx,
            widgets: Vec::new(),
            last: None,
            size: vec2(1100.0, 1200.0),
            has_focus: true,
            time: 0.0,
            events: Vec::new(),
        }
    }

    /// One frame with the events noted since the last.
    pub fn frame(&mut self, mut draw: impl FnMut(&mut Ui)) {
        self.time += 0.1;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, self.size)),
            time: Some(self.time),
            focused: self.has_focus,
            events: std::mem::take(&mut self.events),
            ..RawInput::default()
        };
        let mut output = self.ctx.run_ui(input, |ui| draw(ui));
        output.textures_delta.clear();
        self.widgets = output
            .platform_output
            .accesskit_update
            .iter()
            .flat_map(|update| &update.nodes)
            .filter_map(|(_, node)| {
                let name = if node.role() == Role::Label { node.value() } else { node.label() }?;
                let bounds = node.bounds()?;
                #[allow(clippy::cast_possible_truncation, reason = "points on a screen")]
                let rect = Rect::from_min_max(
                    pos2(bounds.x0 as f32, bounds.y0 as f32),
                    pos2(bounds.x1 as f32, bounds.y1 as f32),
                );
                Some(Widget { name: name.to_owned(), role: node.role(), rect, enabled: !node.is_disabled() })
            })
            .collect();
        self.last = Some(output);
    }

    /// The widget of this name; with a star at its end, whose name begins so.
    pub fn find(&self, name: &str) -> Option<&Widget> {
        match name.strip_suffix('*') {
            Some(start) => self.widgets.iter().find(|it| it.name.starts_with(start)),
            // A field and the words above it have the same name.
            None => {
                let named = || self.widgets.iter().filter(|it| it.name == name);
                named().find(|it| it.role != Role::Label).or_else(|| named().next())
            }
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether any widget says this.
    pub fn says(&self, words: &str) -> bool {
        self.widgets.iter().any(|widget| widget.name.contains(words))
    }

    /// A click in the next two frames.
    pub fn click(&mut self, name: &str, mut draw: impl FnMut(&mut Ui)) {
        let Some(widget) = self.find(name).cloned() else {
            panic!("no widget {name:?} among {:?}", self.names());
        };
        let at = widget.rect.center();
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.events.extend([Event::PointerMoved(at), button(true)]);
        self.frame(&mut draw);
        self.events.push(button(false));
        self.frame(&mut draw);
    }

    pub fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub fn text(&mut self, text: &str) {
        self.event(Event::Text(text.to_owned()));
    }

    pub fn key(&mut self, key: Key, modifiers: Modifiers) {
        self.event(Event::ModifiersChanged(modifiers));
        self.event(Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers });
        self.event(Event::ModifiersChanged(Modifiers::NONE));
    }

    pub fn names(&self) -> Vec<&str> {
        self.widgets.iter().map(|widget| widget.name.as_str()).collect()
    }
}
