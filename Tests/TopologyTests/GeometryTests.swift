import Testing

@testable import Topology

@Suite struct GeometryTests {
    private struct Area {
        var left: Int
        var top: Int
        var right: Int
        var bottom: Int

        func meets(_ other: Area) -> Bool {
            left < other.right && other.left < right && top < other.bottom && other.top < bottom
        }

        func holds(_ other: Area) -> Bool {
            left <= other.left && other.right <= right && top <= other.top && other.bottom <= bottom
        }
    }

    @Test("in every layout boxes stand apart, and labels in their boxes", arguments: SavedStates.names)
    func boxes(_ name: String) throws {
        for picture in SavedStates.pictures(try SavedStates.map(name)) {
            let boxes = picture.boxes.map {
                Area(left: $0.x, top: $0.y, right: $0.x + $0.width, bottom: $0.y + $0.height)
            }
            for (index, box) in boxes.enumerated() {
                #expect(box.left >= 0 && box.top >= 0 && box.right <= picture.width && box.bottom <= picture.height)
                for other in boxes[..<index] { #expect(!box.meets(other)) }
                let inner = Area(left: box.left + 1, top: box.top + 1, right: box.right - 1, bottom: box.bottom - 1)
                var seen: [Area] = []
                for label in picture.boxes[index].labels {
                    let area = Area(left: label.x, top: label.y, right: label.x + label.text.count, bottom: label.y + 1)
                    #expect(inner.holds(area), "\(label.text)")
                    #expect(!seen.contains { $0.meets(area) }, "\(label.text)")
                    seen.append(area)
                }
            }
        }
    }

    @Test("in every layout no cable runs through a label or along another cable", arguments: SavedStates.names)
    func wires(_ name: String) throws { expectApart(try SavedStates.map(name)) }

    @Test("nor in three hundred networks that were plugged together by lot")
    func lots() {
        var state: UInt64 = 7
        func lot(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        for _ in 0..<300 {
            var map = NetworkMap(nodes: (0..<(2 + lot(7))).map { NetworkMap.Node("n\($0)") })
            for number in 0..<(1 + lot(12)) {
                let (one, other) = (lot(map.nodes.count), lot(map.nodes.count))
                for end in [one, other] where map.nodes[end].link("e\(number)") == nil {
                    var link = NetworkMap.Link("e\(number)", kind: "veth")
                    link.addresses = (0..<lot(3)).map { "10.\(number).\($0).1/24" }
                    map.nodes[end].links.append(link)
                }
                guard one != other else { continue }
                let ends = [min(one, other), max(one, other)].map { NetworkMap.End("n\($0)", "e\(number)") }
                map.cables.append(NetworkMap.Cable(ends[0], ends[1]))
            }
            expectApart(map)
        }
    }

    private func expectApart(_ map: NetworkMap) {
        for picture in SavedStates.pictures(map) {
            #expect(picture.wires.count == map.cables.count { $0.near.node != $0.far.node })
            var level: [Picture.Point: String] = [:]
            var upright: [Picture.Point: String] = [:]
            for wire in picture.wires {
                for (from, to) in zip(wire.points, wire.points.dropFirst()) {
                    #expect(from.x == to.x || from.y == to.y, "neither level nor upright")
                    for x in min(from.x, to.x)...max(from.x, to.x) {
                        for y in min(from.y, to.y)...max(from.y, to.y) {
                            let at = Picture.Point(x, y)
                            for label in picture.boxes.flatMap(\.labels) where label.y == y {
                                #expect(
                                    !(label.x..<(label.x + label.text.count)).contains(x), "\(wire.id): \(label.text)")
                            }
                            if from.y == to.y {
                                if let other = level[at] { #expect(shareAnEnd(wire.id, other), "\(wire.id) \(other)") }
                                level[at] = wire.id
                            } else {
                                if let other = upright[at] { #expect(other == wire.id, "\(wire.id) \(other)") }
                                upright[at] = wire.id
                            }
                        }
                    }
                }
            }
        }
    }

    /// Cables of one link (macvlans) begin as one line.
    private func shareAnEnd(_ one: String, _ other: String) -> Bool {
        one == other || one.split(separator: "-")[0] == other.split(separator: "-")[0]
    }

    @Test(
        "in the SVG itself no wire crosses a text, no box another, and all is within the page",
        arguments: SavedStates.names)
    func svg(_ name: String) throws {
        let svg = try SavedStates.map(name).picture.svg(title: name)
        let number = { (text: Substring) in Int(text) ?? -1 }
        let page = try #require(svg.firstMatch(of: /viewBox="0 0 (\d+) (\d+)"/))
        let whole = Area(left: 0, top: 0, right: number(page.1), bottom: number(page.2))
        let texts = svg.matches(of: /<text [^>]*x="(\d+)" y="(\d+)" textLength="(\d+)"/).map { match in
            // Letters of 14 pixels reach 12 over the foot and 4 below it.
            Area(
                left: number(match.1), top: number(match.2) - 12, right: number(match.1) + number(match.3),
                bottom: number(match.2) + 4)
        }
        let boxes = svg.matches(of: /<rect class="box" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/).map { match in
            Area(
                left: number(match.1), top: number(match.2), right: number(match.1) + number(match.3),
                bottom: number(match.2) + number(match.4))
        }
        #expect(!texts.isEmpty && !boxes.isEmpty)
        for (index, box) in boxes.enumerated() {
            #expect(whole.holds(box))
            for other in boxes[..<index] { #expect(!box.meets(other)) }
        }
        for (index, text) in texts.enumerated() {
            #expect(whole.holds(text))
            for other in texts[..<index] { #expect(!text.meets(other)) }
        }
        for line in svg.matches(of: /<polyline class="(?:wire|spine)[^"]*"(?: data-id="[^"]*")? points="([^"]+)"/) {
            let corners = line.1.split(separator: " ").map { $0.split(separator: ",").map(number) }
            for (from, to) in zip(corners, corners.dropFirst()) {
                // Two pixels wide.
                let piece = Area(
                    left: min(from[0], to[0]) - 1, top: min(from[1], to[1]) - 1, right: max(from[0], to[0]) + 1,
                    bottom: max(from[1], to[1]) + 1)
                #expect(whole.holds(piece))
                #expect(!texts.contains { $0.meets(piece) }, "\(line.1)")
            }
        }
    }
}
