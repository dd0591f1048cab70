/// The cables between two columns of boxes: each that does not run level has a lane of its own to go up or down in.
struct Channel {
    struct Cable {
        let cable: NetworkMap.Cable
        let start: NetworkMap.End
        let end: NetworkMap.End
        let left: Int
        let second: Int
        /// Both ends are in the left column.
        let turnsBack: Bool

        init(
            _ cable: NetworkMap.Cable, _ start: NetworkMap.End, _ end: NetworkMap.End, left: Int, second: Int,
            turnsBack: Bool
        ) {
            self.cable = cable
            self.start = start
            self.end = end
            self.left = left
            self.second = second
            self.turnsBack = turnsBack
        }

        var isLevel: Bool { !turnsBack && left == second }
        var leftRows: [Int] { turnsBack ? [left, second] : [left] }
    }

    let cables: [Cable]
    let width: Int
    private let lanes: [Int]
    private let isWide: Bool

    init(_ cables: [Cable], isRoomy: Bool, isLast: Bool) {
        self.cables = cables
        let order = Channel.order(cables)
        lanes = cables.indices.map { index in order.firstIndex(of: index) ?? 0 }
        let count = order.count
        let roomy = max(isLast ? 2 : 3, 2 * count + (isLast ? 0 : 1))
        width = isRoomy ? roomy + (isLast ? 0 : 2) : max(2, count + (isLast ? 1 : 0))
        isWide = 2 * count <= width
    }

    /// Where two cables would lie on each other in a row, that which comes from the left turns first. Such wishes may go
    /// round in a circle; then the first of the circle is left to lie.
    private static func order(_ cables: [Cable]) -> [Int] {
        var left = cables.indices.filter { !cables[$0].isLevel }
        var order: [Int] = []
        while !left.isEmpty {
            let next =
                left.first { candidate in
                    !left.contains { other in
                        other != candidate && !cables[candidate].turnsBack
                            && cables[other].leftRows.contains(cables[candidate].second)
                    }
                } ?? left[0]
            order.append(next)
            left.removeAll { $0 == next }
        }
        return order
    }

    /// The corners, from the left column's wall (the cell before `x`) to the right column's.
    func lines(from x: Int) -> [[Picture.Point]] {
        zip(cables, lanes).map { cable, lane in
            let start = Picture.Point(x - 1, cable.left)
            let end = Picture.Point(cable.turnsBack ? x - 1 : x + width, cable.second)
            if cable.isLevel { return [start, end] }
            let turn = x + (isWide ? 2 * lane + 1 : lane)
            return [start, Picture.Point(turn, cable.left), Picture.Point(turn, cable.second), end]
        }
    }
}
