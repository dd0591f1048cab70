/// Cells with lines and letters in them. Lines that meet are joined.
struct Canvas {
    private let width: Int
    private let height: Int
    private var cells: [Cell]

    private struct Cell {
        /// 1 up, 2 right, 4 down, 8 left.
        var arms: UInt8 = 0
        var isBroken = false
        var letter: Character?
    }

    init(width: Int, height: Int) {
        self.width = max(width, 0)
        self.height = max(height, 0)
        cells = Array(repeating: Cell(), count: self.width * self.height)
    }

    /// A line along the points; a broken one is told by its pieces.
    mutating func line(_ points: [Picture.Point], isBroken: Bool = false) {
        for (from, to) in zip(points, points.dropFirst()) {
            let step = Picture.Point((to.x - from.x).signum(), (to.y - from.y).signum())
            var at = from
            while at != to {
                join(at, step, isBroken)
                at = Picture.Point(at.x + step.x, at.y + step.y)
                join(at, Picture.Point(-step.x, -step.y), isBroken)
            }
        }
    }

    private mutating func join(_ at: Picture.Point, _ step: Picture.Point, _ isBroken: Bool) {
        guard (0..<width).contains(at.x), (0..<height).contains(at.y) else { return }
        let arm: UInt8 = step.y < 0 ? 1 : step.x > 0 ? 2 : step.y > 0 ? 4 : 8
        cells[at.y * width + at.x].arms |= arm
        if isBroken { cells[at.y * width + at.x].isBroken = true }
    }

    mutating func write(_ text: String, at x: Int, _ y: Int) {
        for (offset, letter) in text.enumerated() where (0..<width).contains(x + offset) && (0..<height).contains(y) {
            cells[y * width + x + offset].letter = letter
        }
    }

    /// Without blanks at the ends of lines.
    func lines(ascii: Bool) -> [String] {
        (0..<height).map { y in
            var line = ""
            for cell in cells[(y * width)..<((y + 1) * width)] {
                if let letter = cell.letter {
                    line += ascii ? Canvas.plain(letter) : String(letter)
                } else {
                    line += Canvas.piece(cell.arms, cell.isBroken, ascii)
                }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    private static func piece(_ arms: UInt8, _ isBroken: Bool, _ ascii: Bool) -> String {
        let pieces = [
            " ", "╵", "╶", "└", "╷", "│", "┌", "├", "╴", "┘", "─", "┴", "┐", "┤", "┬", "┼",
        ]
        switch (arms, ascii) {
        case (0, _): return " "
        case (2, true), (8, true), (10, true): return isBroken ? "." : "-"
        case (1, true), (4, true), (5, true): return isBroken ? ":" : "|"
        case (_, true): return "+"
        case (2, _), (8, _), (10, _): return isBroken ? "╌" : "─"
        case (5, _) where isBroken: return "╎"
        default: return pieces[Int(arms & 15)]
        }
    }

    /// A character's stand-in where only ASCII may be written.
    static func plain(_ letter: Character) -> String {
        if letter.isASCII { return String(letter) }
        switch letter {
        case "→": return ">"
        case "●": return "o"
        case "╪": return "#"
        case "─", "╌": return "-"
        case "│", "╎": return "|"
        default: return "?"
        }
    }
}
