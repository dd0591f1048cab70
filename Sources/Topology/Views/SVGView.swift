extension Picture {
    /// Size of a cell and of what stands around the picture, in pixels.
    public enum Metrics {
        public static let cellWidth = 9
        public static let cellHeight = 20
        public static let margin = 16
        /// From a row's top to the foot of its letters.
        public static let baseline = 15
        public static let fontSize = 14
    }

    /// The picture as a file of its own. Every text says how wide it is, so that no font makes it reach into a wire.
    public func svg(title: String) -> String {
        typealias M = Metrics
        let (wide, high) = (2 * M.margin + width * M.cellWidth, 2 * M.margin + height * M.cellHeight)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(wide)\" height=\"\(high)\" viewBox=\"0 0 \(wide) \(high)\" role=\"img\">",
            "<title>\(Picture.escaped(title))</title>",
            "<style>",
            "text{font:\(M.fontSize)px ui-monospace,\"DejaVu Sans Mono\",Menlo,monospace;fill:#1a1a1a;white-space:pre}",
            ".ground{fill:#fff}.box{fill:#f5f7fa;stroke:#5b6470;stroke-width:1.5}",
            ".title{font-weight:bold}.badge,.note{fill:#3f4650;font-style:italic}.gate{fill:#7b3294}.down{fill:#b3261e}",
            ".wire,.spine{fill:none;stroke:#5b6470;stroke-width:2}.wire.broken{stroke:#b3261e;stroke-dasharray:6 4}",
            ".mark{fill:#5b6470}.arch{fill:#fff;stroke:#7b3294;stroke-width:2}",
            "@media (prefers-color-scheme:dark){text{fill:#e8eaed}.ground{fill:#11151a}.box{fill:#1b222a;stroke:#9aa4b1}",
            ".badge,.note{fill:#c3cad3}.gate{fill:#cc79a7}.down{fill:#ff8a80}.wire,.spine{stroke:#9aa4b1}",
            ".wire.broken{stroke:#ff8a80}.mark{fill:#9aa4b1}.arch{fill:#1b222a;stroke:#cc79a7}}",
            "</style>",
            "<rect class=\"ground\" width=\"\(wide)\" height=\"\(high)\"/>",
        ]
        for box in boxes { lines += svg(box) }
        for wire in wires {
            lines.append(
                "<polyline class=\"wire\(wire.isUp ? "" : " broken")\" data-id=\"\(Picture.escaped(wire.id))\" points=\"\(Picture.points(wire.points))\"/>"
            )
        }
        lines.append("</svg>")
        return lines.map { $0 + "\n" }.joined()
    }

    private func svg(_ box: Box) -> [String] {
        typealias M = Metrics
        let corner = Picture.centre(Point(box.x, box.y))
        var lines = [
            "<g data-id=\"\(Picture.escaped(box.id))\" role=\"img\" aria-label=\"\(Picture.escaped(box.title))\">",
            "<rect class=\"box\" x=\"\(corner.x)\" y=\"\(corner.y)\" width=\"\((box.width - 1) * M.cellWidth)\" height=\"\((box.height - 1) * M.cellHeight)\" rx=\"6\"/>",
        ]
        // The name stands in the wall: the wall is not drawn behind it.
        let name = Picture.origin(Point(box.x + 2, box.y))
        let nameWidth = box.title.count * M.cellWidth
        lines.append(
            "<rect class=\"ground\" x=\"\(name.x - 4)\" y=\"\(name.y)\" width=\"\(nameWidth + 8)\" height=\"\(M.cellHeight)\"/>"
        )
        lines.append(Picture.text(box.title, at: Point(box.x + 2, box.y), classes: "title"))
        if !box.spine.isEmpty {
            lines.append("<polyline class=\"spine\" points=\"\(Picture.points(box.spine))\"/>")
        }
        for mark in box.marks {
            let at = Picture.centre(mark.at)
            lines.append(
                mark.kind == .device
                    ? "<circle class=\"mark\" cx=\"\(at.x)\" cy=\"\(at.y)\" r=\"4\"/>"
                    : "<path class=\"arch\" d=\"M\(at.x - 7) \(at.y + 7)v-7a7 7 0 0 1 14 0v7z\"/>")
        }
        for label in box.labels {
            let classes = label.role + (label.isDown ? " down" : "")
            lines.append(
                Picture.text(label.text, at: Point(label.x, label.y), classes: classes, id: label.id))
        }
        return lines + ["</g>"]
    }

    private static func text(_ text: String, at: Point, classes: String, id: String? = nil) -> String {
        let origin = origin(at)
        let mark = id.map { " data-id=\"\(escaped($0))\"" } ?? ""
        return "<text class=\"\(classes)\"\(mark) x=\"\(origin.x)\" y=\"\(origin.y + Metrics.baseline)\""
            + " textLength=\"\(text.count * Metrics.cellWidth)\" lengthAdjust=\"spacingAndGlyphs\">\(escaped(text))</text>"
    }

    /// A cell's upper left corner in pixels.
    static func origin(_ cell: Point) -> Point {
        Point(Metrics.margin + cell.x * Metrics.cellWidth, Metrics.margin + cell.y * Metrics.cellHeight)
    }

    static func centre(_ cell: Point) -> Point {
        let corner = origin(cell)
        return Point(corner.x + Metrics.cellWidth / 2, corner.y + Metrics.cellHeight / 2)
    }

    private static func points(_ cells: [Point]) -> String {
        cells.map { cell in
            let at = centre(cell)
            return "\(at.x),\(at.y)"
        }.joined(separator: " ")
    }

    static func escaped(_ text: String) -> String {
        var found = ""
        for scalar in visible(text).unicodeScalars {
            switch scalar {
            case "&": found += "&amp;"
            case "<": found += "&lt;"
            case ">": found += "&gt;"
            case "\"": found += "&quot;"
            default: found.unicodeScalars.append(scalar)
            }
        }
        return found
    }
}
