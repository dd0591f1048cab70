extension NetworkMap {
    /// Most nodes of a drawing in boxes, and fewest columns for one; beyond, it is a tree.
    static let mostBoxes = 12
    static let leastColumns = 80

    /// The map as lines for a terminal of that many columns: boxes and cables, or a tree where those do not fit.
    /// The first `margin` of the columns are left to the caller.
    public func text(columns: Int = 80, margin: Int = 0, ascii: Bool = false) -> String {
        guard nodes.count <= NetworkMap.mostBoxes, columns >= NetworkMap.leastColumns,
            let picture = picture(within: columns - margin)
        else { return tree(columns: columns - margin, ascii: ascii) }
        return picture.text(ascii: ascii)
    }
}

extension Picture {
    /// Drawn with the characters of a terminal, or with ASCII alone.
    public func text(ascii: Bool = false) -> String {
        var canvas = Canvas(width: width, height: height)
        for box in boxes {
            let (right, bottom) = (box.x + box.width - 1, box.y + box.height - 1)
            canvas.line([
                Point(box.x, box.y), Point(right, box.y), Point(right, bottom), Point(box.x, bottom),
                Point(box.x, box.y),
            ])
            canvas.line(box.spine)
        }
        for wire in wires { canvas.line(wire.points, isBroken: !wire.isUp) }
        for box in boxes {
            canvas.write(" \(box.title) ", at: box.x + 1, box.y)
            for mark in box.marks { canvas.write(mark.kind == .gate ? "╪" : "●", at: mark.at.x, mark.at.y) }
            for label in box.labels { canvas.write(label.text, at: label.x, label.y) }
        }
        return canvas.lines(ascii: ascii).map { $0 + "\n" }.joined()
    }
}
