/// Every box below the one before, as wide as a telephone: wires run upright at the spines, and those that lead past a box at
/// the right margin.
struct NarrowLayout {
    typealias Metrics = PagePicture.Metrics
    typealias Point = PagePicture.Point

    static let width = 390
    private static let boxWidth = 350
    /// Where what hangs on a bridge stands, right of the bridge's own line.
    private static let indent = Metrics.spine + 16

    private let map: NetworkMap
    private let layers: Layers
    private let hanging: Hanging
    private(set) var picture = PagePicture()
    private var order: [String] = []
    /// Where the ends of cables at the right margin are.
    private var plugs: [NetworkMap.Cable: [NetworkMap.End: Point]] = [:]
    /// Cables that run straight from a box to the one below it.
    private var straight: [String: NetworkMap.Cable] = [:]

    init(_ map: NetworkMap) {
        self.map = map
        layers = Layers(map, Form(limit: 15, allAddresses: false, padding: 0))
        hanging = Hanging(map, layers)
        for component in layers.components { if let first = component.first?.first { walk(first) } }
        place()
        joinAside()
        picture.width = NarrowLayout.width
        picture.height = (picture.boxes.map { $0.y + $0.height }.max() ?? 0) + Metrics.margin
        picture.addMarkLanes()
    }

    /// Depth first: a box's first neighbour follows it.
    private mutating func walk(_ node: String) {
        order.append(node)
        let members = hanging.groups[node]?.flatMap(\.members).map(\.node) ?? []
        order += members
        var isFirst = members.isEmpty
        for child in map.nodes.map(\.name) where !hanging.nodes.contains(child) {
            guard child != node, let cable = layers.parents[child],
                cable.near.node == node || cable.far.node == node
            else { continue }
            if isFirst { straight[child] = cable }
            isFirst = false
            walk(child)
        }
    }

    /// A node's cables that run at the right margin, with the end that is there.
    private func aside(_ node: String) -> [(cable: NetworkMap.Cable, end: NetworkMap.End)] {
        map.cables.filter { $0.near.node != $0.far.node && !straight.values.contains($0) }.flatMap { cable in
            [(cable, cable.near), (cable, cable.far)]
        }.filter { _, end in
            end.node == node && !hanging.nodes.contains(node)
                && !(hanging.groups[node] ?? []).contains { $0.members.contains { $0.port == end } }
        }
    }

    private mutating func place() {
        var y = Metrics.margin
        for (index, node) in order.enumerated() {
            let isHanging = hanging.nodes.contains(node)
            let sides = aside(node)
            let (above, below) = (straight[node], index + 1 < order.count ? straight[order[index + 1]] : nil)
            let count = (above == nil ? 0 : 1) + (below == nil ? 0 : 1) + sides.count
            let x = Metrics.margin + (isHanging ? NarrowLayout.indent : 0)
            let width = NarrowLayout.boxWidth - (isHanging ? NarrowLayout.indent : 0)
            var entries = layers.entries[node] ?? []
            // Beside a lane there is room for fewer letters.
            let hasLane = count > 1 || entries.contains { $0.role == .gate || $0.role == .bridge }
            let room = (width - (hasLane ? Metrics.lane : Metrics.padding) - Metrics.padding) / Metrics.letter
            entries = entries.map { $0.broken(max(room - $0.indent, 8)) }
            var plan = BoxPlan(
                map, node, entries, room: room, isHanging: isHanging, keepsLane: count > 1)
            plan.bands = sides.count + (isHanging ? 1 : 0)
            plan.isCrossed = !sides.isEmpty
            plan.isEnteredAbove = above != nil
            var box = plan.box(x: x, y: y, width: width)
            let spine = x + Metrics.spine
            if let above { plug(&box, end(of: above, at: node), Point(spine, y), plan.hasLane) }
            for (place, side) in sides.enumerated() {
                let at = Point(x + width, y + plan.band(place + (isHanging ? 1 : 0)))
                plug(&box, side.end, at, plan.hasLane)
                plugs[side.cable, default: [:]][side.end] = at
            }
            if let below { plug(&box, end(of: below, at: node), Point(spine, y + box.height), plan.hasLane) }
            box.drawSpine(x: spine)
            picture.boxes.append(box)
            if let above, let upper = picture.boxes.last(where: { $0.id == end(of: above, notAt: node).node }) {
                picture.add(
                    above, [Point(spine, upper.y + upper.height), Point(spine, y)], from: end(of: above, notAt: node))
            }
            if isHanging { hang(picture.boxes.count - 1, y + plan.band(0)) }
            y += box.height + (isNextHanging(index) ? 68 : Metrics.gap)
        }
    }

    private func isNextHanging(_ index: Int) -> Bool {
        index + 1 < order.count && hanging.nodes.contains(order[index + 1])
    }

    private func end(of cable: NetworkMap.Cable, at node: String) -> NetworkMap.End {
        cable.near.node == node ? cable.near : cable.far
    }
    private func end(of cable: NetworkMap.Cable, notAt node: String) -> NetworkMap.End {
        cable.near.node == node ? cable.far : cable.near
    }

    private func plug(_ box: inout PagePicture.Box, _ end: NetworkMap.End, _ at: Point, _ hasLane: Bool) {
        box.marks.append(PagePicture.Mark(id: "\(end.node)/link/\(end.link)", kind: .device, at: at))
        if hasLane { box.stubs.append([at, Point(box.x + Metrics.spine, at.y)]) }
    }

    /// The bridge's line goes on below its box; a branch of it leads into each that hangs there.
    private mutating func hang(_ index: Int, _ row: Int) {
        let box = picture.boxes[index]
        for (parent, groups) in hanging.groups {
            for group in groups {
                guard let member = group.members.first(where: { $0.node == box.id }),
                    let upper = picture.boxes.firstIndex(where: { $0.id == parent }),
                    let bar = picture.boxes[upper].bars.firstIndex(where: { $0.id == "\(parent)/link/\(group.bridge)" })
                else { continue }
                let at = Point(picture.boxes[upper].bars[bar].x, picture.boxes[upper].bars[bar].y)
                let (port, own) = (
                    "\(parent)/link/\(member.port.link)", "\(box.id)/link/\(member.own.link)"
                )
                let number = picture.boxes[upper].bars[bar].ports.count + 1
                picture.boxes[upper].bars[bar].ports.append(PagePicture.Bar.Port(id: port, number: number, at: at))
                picture.boxes[upper].marks.append(PagePicture.Mark(id: port, kind: .port, at: at))
                picture.boxes[index].marks.append(PagePicture.Mark(id: own, kind: .device, at: Point(box.x, row)))
                if !box.spine.isEmpty || box.marks.contains(where: { $0.kind != .device }) {
                    picture.boxes[index].stubs.append([Point(box.x, row), Point(box.x + Metrics.spine, row)])
                    picture.boxes[index].drawSpine(x: box.x + Metrics.spine)
                }
                picture.add(
                    member.cable, [at, Point(at.x, row), Point(box.x, row)], from: member.port,
                    // In the gap above the box: beside it there is none.
                    lane: Point(at.x, box.y - 37))
            }
        }
    }

    private mutating func joinAside() {
        var lane = 0
        for cable in map.cables {
            guard let near = plugs[cable]?[cable.near], let far = plugs[cable]?[cable.far] else { continue }
            let x = near.x + 6 + 6 * (lane % 3)
            lane += 1
            // Beside a box the card would cover its texts: it stands in the gap above the lower one.
            let lower = near.y > far.y ? cable.near.node : cable.far.node
            let gap = picture.boxes.first { $0.id == lower }.map { Point(x, $0.y - Metrics.gap / 2) }
            picture.add(cable, [near, Point(x, near.y), Point(x, far.y), far], from: cable.near, lane: gap)
        }
    }
}
