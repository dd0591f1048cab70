/// Columns of hops side by side, joined by wires that run level through bands of the boxes; below a box, in a grid, what
/// hangs on its bridges.
struct WideLayout {
    typealias Metrics = PagePicture.Metrics
    typealias Point = PagePicture.Point

    private let map: NetworkMap
    private let layers: Layers
    private let hanging: Hanging
    private(set) var picture = PagePicture()
    private var plans: [String: BoxPlan] = [:]
    /// Cables by the wall at which they end, in the box's order.
    private var left: [String: [NetworkMap.End]] = [:]
    private var right: [String: [NetworkMap.End]] = [:]
    private var places: [String: Int] = [:]

    private static let limit = 34
    /// Widest grid below a box that is narrower itself.
    private static let widest = 640

    init(_ map: NetworkMap) {
        self.map = map
        layers = Layers(map, Form(limit: WideLayout.limit))
        hanging = Hanging(map, layers)
        assign()
        var top = Metrics.margin
        for columns in layers.components {
            let trunk = columns.map { $0.filter { !hanging.nodes.contains($0) } }.filter { !$0.isEmpty }
            top = draw(trunk, from: top) + Metrics.gap
        }
        picture.width = (picture.boxes.map { $0.x + $0.width }.max() ?? 0) + Metrics.margin
        let turns = picture.wires.flatMap(\.points).map(\.x).max() ?? 0
        picture.width = max(picture.width, turns + Metrics.margin)
        picture.height = (picture.boxes.map { $0.y + $0.height }.max() ?? 0) + Metrics.margin
        picture.addMarkLanes()
    }

    // MARK: what is plugged in where

    private mutating func assign() {
        for cable in map.cables where cable.near.node != cable.far.node {
            for (end, other) in [(cable.near, cable.far), (cable.far, cable.near)] {
                guard !hanging.nodes.contains(end.node), !hanging.nodes.contains(other.node) else { continue }
                let (own, far) = (layers.distance[end.node] ?? 0, layers.distance[other.node] ?? 0)
                if far < own {
                    left[end.node, default: []].append(end)
                } else {
                    right[end.node, default: []].append(end)
                }
            }
        }
        for node in map.nodes {
            let entries = (layers.entries[node.name] ?? []).map { $0.broken(44) }
            let order = entries.compactMap(\.link)
            let place = { (end: NetworkMap.End) in order.firstIndex(of: end.link) ?? order.count }
            left[node.name]?.sort { (place($0), $0.link) < (place($1), $1.link) }
            right[node.name]?.sort { (place($0), $0.link) < (place($1), $1.link) }
            var plan = BoxPlan(
                map, node.name, entries, room: WideLayout.limit, isHanging: hanging.nodes.contains(node.name))
            let rights = right[node.name]?.count ?? 0
            plan.bands = max(left[node.name]?.count ?? 0, rights)
            plan.isCrossed = rights > 0
            plans[node.name] = plan
        }
    }

    private func row(_ end: NetworkMap.End) -> Int {
        guard let plan = plans[end.node] else { return 0 }
        let place = left[end.node]?.firstIndex(of: end) ?? right[end.node]?.firstIndex(of: end) ?? 0
        return (places[end.node] ?? 0) + plan.band(place)
    }

    // MARK: columns

    private mutating func draw(_ columns: [[String]], from top: Int) -> Int {
        var x = Metrics.margin
        var bottom = top
        for (place, column) in columns.enumerated() {
            let width = column.map { max(plans[$0]?.width ?? 0, grid($0).width) }.max() ?? 0
            var free = top
            for node in column {
                guard let plan = plans[node] else { continue }
                var y = free
                if let cable = layers.parents[node], place > 0 {
                    let (own, other) = cable.near.node == node ? (cable.near, cable.far) : (cable.far, cable.near)
                    let index = left[node]?.firstIndex(of: own) ?? 0
                    y = max(free, row(other) - plan.band(index))
                }
                places[node] = y
                var box = plan.box(x: x, y: y, width: width)
                plug(&box)
                picture.boxes.append(box)
                let end = hang(below: picture.boxes.count - 1)
                free = end + Metrics.gap
                bottom = max(bottom, end)
            }
            join(columns, place, from: x + width)
            x += width + Metrics.gutter
        }
        return bottom
    }

    /// The box's marks at its walls, and its spine.
    private func plug(_ box: inout PagePicture.Box) {
        guard let plan = plans[box.id] else { return }
        let spine = plan.hasLane ? box.x + Metrics.spine : box.x + box.width / 2
        for (ends, wall) in [(left[box.id] ?? [], box.x), (right[box.id] ?? [], box.x + box.width)] {
            for end in ends {
                let at = Point(wall, row(end))
                box.marks.append(PagePicture.Mark(id: "\(end.node)/link/\(end.link)", kind: .device, at: at))
                // Of a box of one device nothing leads on.
                if plan.hasLane || plan.bands > 1 || box.marks.count > 1 || ends.count > 1 || isThrough(box.id) {
                    box.stubs.append([at, Point(spine, at.y)])
                }
            }
        }
        box.drawSpine(x: spine)
    }

    private func isThrough(_ node: String) -> Bool { (left[node]?.count ?? 0) + (right[node]?.count ?? 0) > 1 }

    /// The wires to the column that comes next, and those that turn back within this one.
    private mutating func join(_ columns: [[String]], _ place: Int, from x: Int) {
        let here = Set(columns[place])
        var turns: [(cable: NetworkMap.Cable, start: NetworkMap.End, end: NetworkMap.End)] = []
        for cable in map.cables where cable.near.node != cable.far.node {
            for (start, end) in [(cable.near, cable.far), (cable.far, cable.near)] {
                guard here.contains(start.node), right[start.node]?.contains(start) == true else { continue }
                if here.contains(end.node), start != cable.near { continue }
                turns.append((cable, start, end))
            }
        }
        for (index, turn) in turns.enumerated() {
            pending.append(Pending(turn.cable, turn.start, turn.end, x: x, index: index, count: turns.count))
        }
        // Both ends are known when the column that comes next stands; the last one's turn back at once.
        let known = Set(picture.boxes.map(\.id))
        let ready = pending.filter { known.contains($0.end.node) }
        pending.removeAll { known.contains($0.end.node) }
        for wire in ready { draw(wire) }
    }

    /// A wire whose other end may not stand yet: the index of its turn among those of its gutter, which begins at `x`.
    private struct Pending {
        let cable: NetworkMap.Cable
        let start: NetworkMap.End
        let end: NetworkMap.End
        let x: Int
        let index: Int
        let count: Int

        init(
            _ cable: NetworkMap.Cable, _ start: NetworkMap.End, _ end: NetworkMap.End, x: Int, index: Int, count: Int
        ) {
            (self.cable, self.start, self.end) = (cable, start, end)
            (self.x, self.index, self.count) = (x, index, count)
        }
    }
    private var pending: [Pending] = []

    private mutating func draw(_ wire: Pending) {
        let (first, last) = (row(wire.start), row(wire.end))
        let isBack = layers.distance[wire.start.node] == layers.distance[wire.end.node]
        let start = Point(wire.x, first)
        let end = Point(isBack ? wire.x : wire.x + Metrics.gutter, last)
        // Each that does not run level goes up or down in a place of its own.
        let turn = wire.x + Metrics.gutter * (wire.index + 1) / (wire.count + 1)
        let points =
            first == last && !isBack ? [start, end] : [start, Point(turn, first), Point(turn, last), end]
        picture.add(wire.cable, points, from: wire.start)
    }

    // MARK: what hangs below

    private func grid(_ node: String) -> (columns: Int, cell: Int, gap: Int, width: Int) {
        let members = hanging.groups[node]?.flatMap(\.members) ?? []
        guard !members.isEmpty else { return (0, 0, 0, 0) }
        let cell = members.map { plans[$0.node]?.width ?? 0 }.max() ?? 0
        let most = max(WideLayout.widest, plans[node]?.width ?? 0)
        var gap = Metrics.grid
        var columns = min(members.count, max((most + gap) / (cell + gap), 2))
        if columns < members.count {
            // Further rows' wires go down between the columns.
            gap = 2 * Metrics.grid + 4
            columns = min(members.count, max((most + gap) / (cell + gap), 2))
        }
        return (columns, cell, gap, columns * cell + (columns - 1) * gap)
    }

    /// Draws the grid below a box; gives where it ends.
    private mutating func hang(below index: Int) -> Int {
        let box = picture.boxes[index]
        var y = box.y + box.height
        guard let groups = hanging.groups[box.id] else { return y }
        let (columns, cell, gap, _) = grid(box.id)
        // The lowest bar has the places at the left, so that no wire of one above crosses it.
        let members = groups.reversed().flatMap { group in group.members.map { (group.bridge, $0) } }
        var number: [String: Int] = [:]
        for (start, row) in stride(from: 0, to: members.count, by: columns).enumerated() {
            let part = members[row..<min(row + columns, members.count)]
            y += start == 0 ? Metrics.gap : 24
            var tallest = 0
            for (column, (bridge, member)) in part.enumerated() {
                guard let plan = plans[member.node] else { continue }
                number[bridge, default: 0] += 1
                let x = box.x + column * (cell + gap)
                var own = plan.box(x: x, y: y, width: cell)
                tallest = max(tallest, own.height)
                let bar = box.bars.first { $0.id == "\(box.id)/link/\(bridge)" }
                let level = bar?.y ?? box.y + box.height
                let points: [Point]
                if start == 0 {
                    var middle = plan.hasLane ? x + Metrics.spine : x + cell / 2
                    // Hardly beside the spine above: below it.
                    if column == 0, abs(middle - box.x - Metrics.spine) < 16 { middle = box.x + Metrics.spine }
                    points = [Point(middle, level), Point(middle, y)]
                } else {
                    let offset = 4 + 4 * min(start - 1, 6)
                    let turn = column == 0 ? x + cell + offset : x - offset
                    points = [
                        Point(turn, level), Point(turn, y + 50), Point(column == 0 ? x + cell : x, y + 50),
                    ]
                }
                let mark = "\(member.own.node)/link/\(member.own.link)"
                let last = points[points.count - 1]
                own.marks.append(PagePicture.Mark(id: mark, kind: .device, at: last))
                if plan.hasLane {
                    own.stubs.append([last, Point(x + Metrics.spine, last.y)])
                    own.drawSpine(x: x + Metrics.spine)
                }
                picture.boxes.append(own)
                plugPort(index, bridge, member, number[bridge] ?? 1, points[0], isSaid: start == 0)
                picture.add(member.cable, points, from: member.port)
            }
            y += tallest
        }
        return y
    }

    private mutating func plugPort(
        _ index: Int, _ bridge: String, _ member: Hanging.Member, _ number: Int, _ at: Point, isSaid: Bool
    ) {
        let id = "\(member.port.node)/link/\(member.port.link)"
        picture.boxes[index].marks.append(PagePicture.Mark(id: id, kind: .port, at: at))
        let bar = "\(member.port.node)/link/\(bridge)"
        guard let place = picture.boxes[index].bars.firstIndex(where: { $0.id == bar }) else { return }
        // A port may stand left of the spine, at which the bar begins.
        let more = picture.boxes[index].bars[place].x - (at.x - 12)
        if more > 0 {
            picture.boxes[index].bars[place].x -= more
            picture.boxes[index].bars[place].width += more
        }
        picture.boxes[index].bars[place].ports.append(PagePicture.Bar.Port(id: id, number: number, at: at))
        // The wires of further rows begin too near to each other.
        guard isSaid else { return }
        picture.boxes[index].labels.append(
            PagePicture.Label(id: id, role: "number", text: "\(number)", x: at.x + 6, y: at.y + 20, isDown: false))
    }
}
