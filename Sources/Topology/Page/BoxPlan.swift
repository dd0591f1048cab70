/// What stands in a box of the page, from top to bottom, and how large that makes it.
struct BoxPlan {
    typealias Metrics = PagePicture.Metrics

    enum Item {
        case text(BoxEntry)
        /// On the first line of the item before it.
        case beside(BoxEntry)
        case gate(BoxEntry)
        case route
    }

    let id: String
    let title: String
    let role: String
    let items: [Item]
    let bridges: [String]
    let stands: [String]
    /// An upright spine at the left, with room for the card around it.
    let hasLane: Bool
    /// Level ways across the box, and whether they lead through to the right.
    var bands = 0
    var isCrossed = false
    /// The spine comes in at the top wall: the title stands beside it.
    var isEnteredAbove = false

    /// `room`: most letters in a line; `keepsLane` of a box that has nothing on its spine.
    init(
        _ map: NetworkMap, _ name: String, _ entries: [BoxEntry], room: Int, isHanging: Bool, keepsLane: Bool = false
    ) {
        let node = map.node(name)
        let bridges = entries.filter { $0.role == .bridge }.compactMap(\.link)
        let hasGates = entries.contains { $0.role == .gate }
        id = name
        stands = node?.stands ?? []
        title = stands.isEmpty ? visible(name) : "\(stands.count) containers"
        self.bridges = bridges
        hasLane = hasGates || !bridges.isEmpty || keepsLane
        let forwards = (node?.forwardsIPv4 ?? false) || (node?.forwardsIPv6 ?? false)
        let word =
            isHanging
            ? (stands.isEmpty ? "container" : "") : !bridges.isEmpty ? "host" : forwards ? "router" : ""
        role = word == title ? "" : word
        var items: [Item] = []
        var isRouted = !(forwards && (hasGates || !bridges.isEmpty))
        // Before the routing decision stand the gates that a packet meets as it comes in.
        let early = ["ingress", "bridge prerouting", "prerouting"].map { "\(name)/gate/\($0)" }
        let isLate = { (entry: BoxEntry) in
            entry.role == .gate ? !early.contains(entry.id) : entry.role == .bridge
        }
        for entry in entries {
            if !isRouted, isLate(entry) || entry.role == .badge || entry.role == .note {
                items.append(.route)
                isRouted = true
            }
            items.append(entry.role == .gate ? .gate(entry) : .text(entry))
            if entry.role == .bridge, let link = entry.link, let table = node?.link(link)?.forwarding {
                items.append(BoxPlan.item(of: table, entry, room: room))
            }
        }
        if !isRouted { items.append(.route) }
        self.items = items
    }

    /// A bridge's folded table: beside its name where there is room, or else below it.
    private static func item(of table: NetworkMap.ForwardingTable, _ bridge: BoxEntry, room: Int) -> Item {
        var entry = BoxEntry(role: .fdb, lines: [table.words], indent: bridge.indent, link: bridge.link, id: bridge.id)
        let column = bridge.indent + (bridge.lines.first ?? "").count + 2
        guard column + table.words.count <= room else { return .text(entry) }
        entry.indent = column
        return .beside(entry)
    }

    /// From a box's left wall to its texts.
    var lead: Int { hasLane ? Metrics.lane : Metrics.padding }

    private var headLead: Int { isEnteredAbove ? lead : Metrics.padding }

    var width: Int {
        let texts = items.flatMap { item -> [Int] in
            switch item {
            case .text(let entry), .beside(let entry): entry.lines.map { ($0.count + entry.indent) * Metrics.letter }
            case .gate(let entry): entry.lines.map { $0.count * Metrics.letter }
            case .route: [5 * Metrics.letter]
            }
        }
        let head = (title.count + (role.isEmpty ? 0 : role.count + 3)) * Metrics.letter + headLead + Metrics.padding
        return max(lead + (texts.max() ?? 0) + Metrics.padding, head, 150)
    }

    /// The middle of a level way, below the box's top.
    func band(_ index: Int) -> Int { Metrics.title + index * Metrics.band + Metrics.band / 2 }

    var height: Int { place().height }

    /// Where the rows stand below the box's top: of each item, and of each bar.
    func place() -> (items: [Int], bars: [Int], height: Int) {
        let below = Metrics.title + bands * Metrics.band
        // In a box with a lane the texts stand beside the ways that end there.
        var row = hasLane && !isCrossed ? Metrics.title : below
        var rows: [Int] = []
        for item in items {
            if case .text(let entry) = item {
                rows.append(row)
                row += entry.lines.count * Metrics.row
            } else if case .beside = item {
                rows.append(rows.last ?? row)
            } else {
                row = max(row, below)
                rows.append(row)
                row += BoxPlan.height(of: item)
            }
        }
        row = max(row, below) + Metrics.padding
        var bars: [Int] = []
        for _ in bridges {
            bars.append(row + 8)
            row += Metrics.bar
        }
        return (rows, bars, row)
    }

    private static func height(of item: Item) -> Int {
        guard case .gate(let entry) = item else { return Metrics.gate }
        return max(Metrics.gate, entry.lines.count * Metrics.row + 8)
    }

    /// The box, without what belongs to its wires.
    func box(x: Int, y: Int, width: Int) -> PagePicture.Box {
        let places = place()
        var box = PagePicture.Box(id: id, title: title, role: role, x: x, y: y, width: width, height: places.height)
        box.collapsed = stands
        box.labels.append(
            PagePicture.Label(
                id: id, role: "title", text: title, x: x + headLead, y: y + 20, isDown: false))
        if !role.isEmpty {
            let after = x + headLead + (title.count + 1) * Metrics.letter
            box.labels.append(
                PagePicture.Label(id: id, role: "role", text: "· \(role)", x: after, y: y + 20, isDown: false))
        }
        for (item, row) in zip(items, places.items) {
            switch item {
            case .text(let entry), .beside(let entry):
                box.labels += labels(entry, x: x + lead + entry.indent * Metrics.letter, y: y + row)
            case .gate(let entry):
                let height = BoxPlan.height(of: item)
                box.marks.append(
                    PagePicture.Mark(
                        id: entry.id, kind: .gate, at: PagePicture.Point(x + Metrics.spine, y + row + height / 2)))
                let above = (height - entry.lines.count * Metrics.row) / 2
                box.labels += labels(entry, x: x + lead, y: y + row + above)
            case .route:
                let middle = y + row + Metrics.gate / 2
                box.marks.append(
                    PagePicture.Mark(id: "\(id)/route", kind: .route, at: PagePicture.Point(x + Metrics.spine, middle)))
                box.labels.append(
                    PagePicture.Label(
                        id: "\(id)/route", role: "route", text: "route", x: x + lead, y: middle + 5, isDown: false))
            }
        }
        for (bridge, row) in zip(bridges, places.bars) {
            let at = PagePicture.Point(x + Metrics.spine, y + row)
            box.marks.append(PagePicture.Mark(id: "\(id)/link/\(bridge)", kind: .bridge, at: at))
            box.bars.append(
                PagePicture.Bar(
                    id: "\(id)/link/\(bridge)", x: at.x, y: at.y, width: width - Metrics.spine - Metrics.padding,
                    ports: []))
        }
        return box
    }

    private func labels(_ entry: BoxEntry, x: Int, y: Int) -> [PagePicture.Label] {
        entry.lines.enumerated().map { place, line in
            // What is set in within a line is no part of the text.
            let inset = line.prefix { $0 == " " }.count
            return PagePicture.Label(
                id: entry.id, role: entry.role.rawValue, text: String(line.dropFirst(inset)),
                x: x + inset * Metrics.letter, y: y + place * Metrics.row + Metrics.baseline, isDown: entry.isDown)
        }
    }
}

extension PagePicture.Box {
    /// The spine from the first to the last of its points, when there are two: those of the lane and of the stubs.
    mutating func drawSpine(x: Int) {
        let rows = marks.filter { $0.kind != .device && $0.kind != .port }.map(\.at.y) + stubs.map { $0[1].y }
        guard let top = rows.min(), let bottom = rows.max() else { return }
        guard top < bottom else {
            // One level way across: two stubs in one line are the spine themselves.
            if stubs.count == 2 {
                spine = [stubs[0][0], stubs[1][0]]
                stubs = []
            }
            return
        }
        spine = [PagePicture.Point(x, top), PagePicture.Point(x, bottom)]
    }
}

extension BoxEntry {
    /// No line is longer: what has no space to be broken at (a long address) is broken all the same.
    func broken(_ limit: Int) -> BoxEntry {
        var entry = self
        entry.lines = lines.flatMap { line -> [String] in
            var rest = Substring(line)
            var parts: [String] = []
            while rest.count > limit {
                parts.append(String(rest.prefix(limit)))
                rest = rest.dropFirst(limit)
            }
            return parts + [String(rest)]
        }
        return entry
    }
}
