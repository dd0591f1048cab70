extension PagePicture {
    /// The wire, from the near end to the far one, and the card's place on it: given, or the middle of its longest part.
    mutating func add(
        _ cable: NetworkMap.Cable, _ points: [Point], from start: NetworkMap.End, lane: Point? = nil
    ) {
        let id = "\(cable.near.node):\(cable.near.link)-\(cable.far.node):\(cable.far.link)"
        wires.append(Wire(id: id, isUp: cable.isUp, points: start == cable.near ? points : points.reversed()))
        let length = { (part: (Point, Point)) in abs(part.0.x - part.1.x) + abs(part.0.y - part.1.y) }
        guard let longest = zip(points, points.dropFirst()).max(by: { length($0) < length($1) }) else { return }
        let middle = Point((longest.0.x + longest.1.x) / 2, (longest.0.y + longest.1.y) / 2)
        lanes.append(Lane(id: id, at: lane ?? middle))
    }

    /// At a gate, a routing decision or a bridge the card stands on the spine; at a device on its wire, before the wall.
    mutating func addMarkLanes() {
        var tops: [String: Int] = [:]
        for box in boxes { for bar in box.bars { tops[bar.id] = box.spine.first?.y } }
        for mark in boxes.flatMap(\.marks) {
            guard mark.kind == .device || mark.kind == .port else {
                // Below the bar stand the numbers of its ports; above it the spine, where anything leads to the bridge from there.
                let room = Metrics.cardHeight / 2 + 11
                let isReached = tops[mark.id].map { $0 <= mark.at.y - room } ?? false
                let above = mark.kind == .bridge && isReached ? room : 0
                lanes.append(Lane(id: mark.id, at: Point(mark.at.x, mark.at.y - above)))
                continue
            }
            for wire in wires {
                let ways = [wire.points, wire.points.reversed()].filter { $0.first == mark.at && $0.count > 1 }
                guard let way = ways.first else { continue }
                lanes.append(Lane(id: mark.id, at: PagePicture.step(from: way[0], to: way[1])))
                break
            }
        }
    }

    /// So far that a card there does not reach into the wall; half of the way at most.
    private static func step(from wall: Point, to next: Point) -> Point {
        let far = { (own: Int, other: Int, most: Int) in
            let length = min(abs(other - own) / 2, most)
            return other < own ? own - length : own + length
        }
        return Point(
            far(wall.x, next.x, Metrics.cardWidth / 2 + 4), far(wall.y, next.y, Metrics.cardHeight / 2 + 5))
    }
}
