//! A frame as 8-bit 4:2:0 planes in one buffer, as ffmpeg's `-f rawvideo -pix_fmt yuv420p` has it.

/// Width and height of luma in samples; both even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A rectangle of samples of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width in samples.
    pub width: usize,
    /// Height in samples.
    pub height: usize,
}

/// The samples of one plane, row by row without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// Row by row.
    pub samples: &'a [u8],
    /// Width and height.
    pub size: Size,
}

/// Y, U and V, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width and height of luma.
    pub size: Size,
    /// All samples.
    pub samples: Vec<u8>,
}

impl Size {
    /// Width and height of plane 0, 1 or 2.
    #[must_use]
    pub const fn plane(self, plane: usize) -> Self {
        if plane == 0 {
            return self;
        }
        Self { width: self.width / 2, height: self.height / 2 }
    }

    /// Samples of a plane of this size.
    #[must_use]
    pub const fn area(self) -> usize {
        self.width * self.height
    }

    /// Bytes of a frame.
    #[must_use]
    pub const fn frame_bytes(self) -> usize {
        self.area() + 2 * self.plane(1).area()
    }

    /// Where plane 0, 1 or 2 begins in a frame.
    const fn start(self, plane: usize) -> usize {
        match plane {
            0 => 0,
            1 => self.area(),
            _ => self.area() + self.plane(1).area(),
        }
    }
}

impl Area {
    /// Column after the last one.
    #[must_use]
    pub const fn right(self) -> usize {
        self.x + self.width
    }

    /// Row after the last one.
    #[must_use]
    pub const fn bottom(self) -> usize {
        self.y + self.height
    }

    /// Grown by `margin` on each side, within a plane of `size`.
    #[must_use]
    pub fn grown(self, margin: usize, size: Size) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        let right = (self.right() + margin).min(size.width);
        let bottom = (self.bottom() + margin).min(size.height);
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = self.right().max(other.right());
        let bottom = self.bottom().max(other.bottom());
        Self { x, y, width: right - x, height: bottom - y }
    }
}

impl Frame {
    /// Grey all over.
    #[must_use]
    pub fn grey(size: Size, level: u8) -> Self {
        let mut samples = vec![128; size.frame_bytes()];
        samples[..size.area()].fill(level);
        Self { size, samples }
    }

    /// Plane 0, 1 or 2.
    #[must_use]
    pub fn plane(&self, plane: usize) -> Plane<'_> {
        let (start, size) = (self.size.start(plane), self.size.plane(plane));
        Plane { samples: &self.samples[start..start + size.area()], size }
    }

    /// Plane 0, 1 or 2, to draw on.
    pub fn plane_mut(&mut self, plane: usize) -> &mut [u8] {
        let (start, size) = (self.size.start(plane), self.size.plane(plane));
        &mut self.samples[start..start + size.area()]
    }
}
