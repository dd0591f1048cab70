/// Makes a picture of a map: boxes column by column, each beside the end of its cable, and the cables between them. The
/// same map gives the same picture.
struct Layout {
    private let map: NetworkMap
    private let form: Form
    private let layers: Layers
    private(set) var picture = Picture()
    /// Free rows before an entry, that its cable may run level to a box that stands lower.
    private var gaps: [String: [Int: Int]] = [:]
    private var tops: [String: Int] = [:]

    init(_ map: NetworkMap, _ form: Form) {
        self.map = map
        self.form = form
        layers = Layers(map, form)
        var top = 0
        for columns in layers.components {
            stack(columns)
            let part = draw(columns, from: top)
            picture.boxes += part.boxes
            picture.wires += part.wires
            picture.width = max(picture.width, part.width)
            top = part.height + 1
            picture.height = part.height
        }
    }

    private static let mostLevelled = 60

    private func entries(_ node: String) -> [BoxEntry] { layers.entries[node] ?? [] }

    /// The row of a link's first line below its box's top.
    private func row(of link: String, in node: String) -> Int {
        var row = 1
        for (index, entry) in entries(node).enumerated() {
            row += gaps[node]?[index] ?? 0
            if entry.link == link { return row }
            row += entry.lines.count
        }
        return 0
    }

    private func height(_ node: String) -> Int {
        let rows = entries(node).enumerated().reduce(0) { $0 + $1.element.lines.count + (gaps[node]?[$1.offset] ?? 0) }
        return max(rows, 1) + 2
    }

    // MARK: rows

    /// Every box gets its top row. A box that cannot stand as high as its cable's other end lets that end come down.
    private mutating func stack(_ columns: [[String]]) {
        // Among many boxes it would be long to find every end's row, and nobody follows a cable by eye.
        let mayLower = columns.reduce(0) { $0 + $1.count } <= Layout.mostLevelled
        for _ in 0..<500 {
            var lowered: (node: String, link: String, by: Int)?
            for column in columns {
                var free = Int.min
                // Of many boxes that hang on one link (macvlan) the first alone can stand level with it.
                var hung: Set<NetworkMap.End> = []
                for node in column {
                    var wish = free == Int.min ? 0 : free
                    if let cable = layers.parents[node], let (own, other) = ends(of: cable, at: node) {
                        wish =
                            (tops[other.node] ?? 0) + row(of: other.link, in: other.node) - row(of: own.link, in: node)
                        let isFirst = hung.insert(other).inserted
                        if mayLower, lowered == nil, free > wish, isFirst {
                            lowered = (other.node, other.link, free - wish)
                        }
                    }
                    tops[node] = max(wish, free)
                    free = max(wish, free) + height(node)
                }
            }
            guard let lowered, let index = entries(lowered.node).firstIndex(where: { $0.link == lowered.link }) else {
                break
            }
            gaps[lowered.node, default: [:]][index, default: 0] += lowered.by
        }
        let names = columns.flatMap { $0 }
        let highest = names.compactMap { tops[$0] }.min() ?? 0
        for name in names { tops[name]? -= highest }
    }

    private func ends(of cable: NetworkMap.Cable, at node: String) -> (own: NetworkMap.End, other: NetworkMap.End)? {
        cable.near.node == node ? (cable.near, cable.far) : cable.far.node == node ? (cable.far, cable.near) : nil
    }

    // MARK: columns

    private func draw(_ columns: [[String]], from top: Int) -> Picture {
        var part = Picture()
        var x = 0
        // Cables whose left end is known: they end in the column that comes next.
        for (place, column) in columns.enumerated() {
            let width = column.map(self.width).max() ?? 4
            for node in column {
                part.boxes.append(box(node, x: x, y: top + (tops[node] ?? 0), width: width))
            }
            x += width
            part.width = x
            let gutter = gutter(after: place, columns, top)
            guard !gutter.isEmpty else { continue }
            let channel = Channel(gutter, isRoomy: form.padding > 0, isLast: place == columns.count - 1)
            for (cable, wire) in zip(channel.cables, channel.lines(from: x)) {
                part.wires.append(finished(wire, cable, in: part.boxes))
            }
            x += channel.width
            if place == columns.count - 1 { part.width = x }
        }
        part.height = part.boxes.map { $0.y + $0.height }.max() ?? top
        return part
    }

    private func width(_ node: String) -> Int {
        let lead = lead(node)
        let texts = entries(node).flatMap { entry in
            entry.lines.map { lead + entry.indent + $0.count + form.padding + 1 }
        }
        return max(texts.max() ?? 0, visible(node).count + 5, 10)
    }

    private func hasSpine(_ node: String) -> Bool { entries(node).contains { $0.role == .gate } }

    /// Columns from a box's left wall to its texts.
    private func lead(_ node: String) -> Int { hasSpine(node) ? 3 + form.padding : 2 }

    private func box(_ node: String, x: Int, y: Int, width: Int) -> Picture.Box {
        var box = Picture.Box(
            id: node, title: visible(node), x: x, y: y, width: width, height: height(node), labels: [], spine: [],
            marks: [])
        let lead = lead(node)
        var row = y + 1
        for (index, entry) in entries(node).enumerated() {
            row += gaps[node]?[index] ?? 0
            if lead > 2, entry.role != .badge, entry.role != .note {
                let kind = entry.role == .gate ? Picture.Mark.Kind.gate : .device
                box.marks.append(Picture.Mark(kind: kind, at: Picture.Point(x + lead - 2, row)))
            }
            for line in entry.lines {
                // What is set in within a line is no part of the text.
                let inset = line.prefix { $0 == " " }.count
                box.labels.append(
                    Picture.Label(
                        id: entry.id, role: entry.role.rawValue, x: x + lead + entry.indent + inset, y: row,
                        text: String(line.dropFirst(inset)), isDown: entry.isDown))
                row += 1
            }
        }
        if let first = box.marks.first, let last = box.marks.last, first.at != last.at {
            box.spine = [first.at, last.at]
        }
        return box
    }

    // MARK: cables

    private func gutter(after place: Int, _ columns: [[String]], _ top: Int) -> [Channel.Cable] {
        let here = Set(columns[place])
        let next = Set(place + 1 < columns.count ? columns[place + 1] : [])
        return map.cables.compactMap { cable in
            let row = { (end: NetworkMap.End) in top + (tops[end.node] ?? 0) + self.row(of: end.link, in: end.node) }
            let (near, far) = (cable.near, cable.far)
            if near.node == far.node { return nil }
            if here.contains(near.node), here.contains(far.node) {
                return Channel.Cable(cable, near, far, left: row(near), second: row(far), turnsBack: true)
            }
            if here.contains(near.node), next.contains(far.node) {
                return Channel.Cable(cable, near, far, left: row(near), second: row(far), turnsBack: false)
            }
            if here.contains(far.node), next.contains(near.node) {
                return Channel.Cable(cable, far, near, left: row(far), second: row(near), turnsBack: false)
            }
            return nil
        }
    }

    /// From the words at its end to the wall of the other box: what is between a label and its wall is part of the cable.
    private func finished(_ line: [Picture.Point], _ cable: Channel.Cable, in boxes: [Picture.Box]) -> Picture.Wire {
        var points = line
        let start = { (end: NetworkMap.End, point: Picture.Point) -> Picture.Point in
            guard let box = boxes.first(where: { $0.id == end.node }),
                let label = box.labels.first(where: { $0.y == point.y && $0.id == "\(end.node)/link/\(end.link)" })
            else { return point }
            return Picture.Point(min(label.x + label.text.count + 1, box.x + box.width - 1), point.y)
        }
        points[0] = start(cable.start, points[0])
        if cable.turnsBack { points[points.count - 1] = start(cable.end, points[points.count - 1]) }
        return Picture.Wire(
            id: "\(cable.cable.near.node):\(cable.cable.near.link)-\(cable.cable.far.node):\(cable.cable.far.link)",
            kind: cable.cable.kind, isUp: cable.cable.isUp, points: points)
    }
}
