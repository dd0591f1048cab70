import JSON
import Testing

@testable import Topology

@Suite struct PagePictureTests {
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
        /// A level or upright line, without its ends.
        func isCrossed(_ from: PagePicture.Point, _ to: PagePicture.Point) -> Bool {
            meets(
                Area(
                    left: min(from.x, to.x), top: min(from.y, to.y), right: max(from.x, to.x) + 1,
                    bottom: max(from.y, to.y) + 1))
        }
    }

    private static func pictures(_ name: String) throws -> [(String, PagePicture)] {
        let map = try SavedStates.map(name)
        return [("wide", map.widePicture), ("narrow", map.narrowPicture)]
    }

    private static func area(_ box: PagePicture.Box) -> Area {
        Area(left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height)
    }

    private static func area(_ label: PagePicture.Label) -> Area {
        Area(left: label.x, top: label.y - 11, right: label.x + label.width, bottom: label.y + 3)
    }

    @Test("boxes stand apart and in the picture, each with all of its texts in it", arguments: SavedStates.names)
    func boxes(_ name: String) throws {
        let map = try SavedStates.map(name)
        for (form, picture) in try PagePictureTests.pictures(name) {
            let whole = Area(left: 0, top: 0, right: picture.width, bottom: picture.height)
            #expect(picture.boxes.count == map.nodes.count, "\(form): \(picture.boxes.map(\.id))")
            for (index, box) in picture.boxes.enumerated() {
                let own = PagePictureTests.area(box)
                #expect(whole.holds(own), "\(form) \(box.id)")
                for other in picture.boxes[..<index] {
                    #expect(!own.meets(PagePictureTests.area(other)), "\(form): \(box.id) \(other.id)")
                }
                let labels = box.labels.map(PagePictureTests.area)
                for (place, label) in labels.enumerated() {
                    #expect(own.holds(label), "\(form) \(box.id): \(box.labels[place].text)")
                    #expect(!labels[..<place].contains { $0.meets(label) }, "\(form) \(box.labels[place].text)")
                }
            }
        }
    }

    @Test("no wire, spine, stub or bar runs through a text", arguments: SavedStates.names)
    func lines(_ name: String) throws {
        for (form, picture) in try PagePictureTests.pictures(name) {
            var lines = picture.wires.map { ($0.id, $0.points) }
            for box in picture.boxes {
                lines.append(("\(box.id) spine", box.spine))
                lines += box.stubs.map { ("\(box.id) stub", $0) }
                lines += box.bars.map { bar in
                    (bar.id, [PagePicture.Point(bar.x, bar.y), PagePicture.Point(bar.x + bar.width, bar.y)])
                }
            }
            for label in picture.boxes.flatMap(\.labels) {
                let area = PagePictureTests.area(label)
                for (id, points) in lines {
                    for (from, to) in zip(points, points.dropFirst()) {
                        #expect(from.x == to.x || from.y == to.y, "\(form): \(id) is oblique")
                        #expect(!area.isCrossed(from, to), "\(form): \(id) runs through \(label.text)")
                    }
                }
            }
        }
    }

    @Test("every cable is a wire, whose ends are the marks of its two devices", arguments: SavedStates.names)
    func wires(_ name: String) throws {
        let map = try SavedStates.map(name)
        for (form, picture) in try PagePictureTests.pictures(name) {
            for cable in map.cables where cable.near.node != cable.far.node {
                let id = "\(cable.near.node):\(cable.near.link)-\(cable.far.node):\(cable.far.link)"
                let wire = try #require(picture.wires.first { $0.id == id }, "\(form): \(id)")
                for (end, point) in [(cable.near, wire.points.first), (cable.far, wire.points.last)] {
                    let box = try #require(picture.boxes.first { $0.id == end.node })
                    let marks = box.marks.filter { $0.id == "\(end.node)/link/\(end.link)" }
                    #expect(marks.contains { $0.at == point }, "\(form): \(id) at \(end.node)")
                }
                #expect(picture.lanes.contains { $0.id == id }, "\(form): \(id) has no lane")
            }
        }
    }

    @Test("a bridge's ports are points of its bar, numbered from 1", arguments: SavedStates.names)
    func ports(_ name: String) throws {
        for (form, picture) in try PagePictureTests.pictures(name) {
            for box in picture.boxes {
                for bar in box.bars {
                    #expect(bar.x > box.x && bar.x + bar.width < box.x + box.width, "\(form): \(bar.id)")
                    #expect(bar.ports.map(\.number) == Array(1..<bar.ports.count + 1), "\(form): \(bar.id)")
                    for port in bar.ports {
                        let isOn = port.at.y == bar.y && (bar.x...bar.x + bar.width).contains(port.at.x)
                        #expect(isOn, "\(form): \(port.id)")
                    }
                }
            }
        }
    }

    @Test("the card's places lie on their wires and spines, in the picture", arguments: SavedStates.names)
    func lanes(_ name: String) throws {
        for (form, picture) in try PagePictureTests.pictures(name) {
            let lines =
                picture.wires.map(\.points) + picture.boxes.flatMap { [$0.spine] + $0.stubs }
                + picture.boxes.flatMap(\.marks).map { [$0.at, $0.at] }
            for lane in picture.lanes {
                let isOn = lines.contains { points in
                    zip(points, points.dropFirst()).contains { from, to in
                        (min(from.x, to.x)...max(from.x, to.x)).contains(lane.at.x)
                            && (min(from.y, to.y)...max(from.y, to.y)).contains(lane.at.y)
                    }
                }
                #expect(isOn, "\(form): \(lane.id)")
                #expect((0...picture.width).contains(lane.at.x) && (0...picture.height).contains(lane.at.y))
            }
        }
    }

    @Test(
        "in the lab's world the card covers no text where it stops, wide or narrow",
        arguments: ["lab-nft", "lab-legacy"])
    func free(_ name: String) throws {
        for (form, picture) in try PagePictureTests.pictures(name) {
            let labels = picture.boxes.flatMap(\.labels)
            for lane in picture.lanes {
                let card = Area(
                    left: lane.at.x - PagePicture.Metrics.cardWidth / 2,
                    top: lane.at.y - PagePicture.Metrics.cardHeight / 2,
                    right: lane.at.x + PagePicture.Metrics.cardWidth / 2,
                    bottom: lane.at.y + PagePicture.Metrics.cardHeight / 2)
                for label in labels where label.role != "number" {
                    #expect(!card.meets(PagePictureTests.area(label)), "\(form): \(lane.id) covers \(label.text)")
                }
            }
        }
    }

    @Test("what hangs on a bridge stands below its box; the rest of the lab's world side by side")
    func below() throws {
        let picture = try SavedStates.map("lab-nft").widePicture
        let box = { (id: String) in try #require(picture.boxes.first { $0.id == id }) }
        let (client, host, web, app) = (try box("client"), try box("host"), try box("web"), try box("app"))
        #expect(client.x < host.x)
        #expect(web.y >= host.y + host.height && app.y == web.y)
        #expect(web.x >= host.x && app.x > web.x)
        #expect(web.role == "container" && host.marks.contains { $0.kind == .route })
        #expect(host.bars.first?.ports.map(\.number) == [1, 2])
        let wire = try #require(picture.wires.first { $0.id.hasPrefix("client:") })
        #expect(wire.points.count == 2 && wire.points[0].y == wire.points[1].y)
    }

    @Test(
        "a bridge's folded table stands beside its name where there is room, else below it; without a table nothing does"
    )
    func folded() throws {
        let map = try SavedStates.map("forwarding")
        let said = { (picture: PagePicture) in
            picture.boxes.flatMap(\.labels).filter { $0.role == "fdb" }
        }
        let (wide, narrow) = (said(map.widePicture), said(map.narrowPicture))
        #expect(wide.map(\.text) == ["FDB 6", "FDB 3"] && wide.map(\.id) == ["host/link/br0", "host/link/br1"])
        #expect(narrow.map(\.text) == ["FDB 6", "FDB 3"])
        let rows = { (picture: PagePicture) in
            picture.boxes.flatMap(\.labels).filter { $0.text.hasPrefix("br0 ") }.map(\.y)
        }
        #expect(rows(map.widePicture) == [wide[0].y])
        #expect(rows(map.narrowPicture).allSatisfy { $0 < narrow[0].y })
        for name in ["lab-nft", "two-bridges"] {
            #expect(said(try SavedStates.map(name).widePicture).isEmpty, "\(name)")
        }
    }

    @Test("the narrow picture is 390 px wide, of every state", arguments: SavedStates.names)
    func narrow(_ name: String) throws {
        let picture = try SavedStates.map(name).narrowPicture
        #expect(picture.width == 390)
        for box in picture.boxes { #expect(box.x + box.width <= 374) }
    }

    @Test("of more than thirty nodes those of a bridge are one box, which names them; of thirty none")
    func collapse() {
        func map(_ count: Int) -> NetworkMap {
            var host = NetworkMap.Node("host")
            host.links = [NetworkMap.Link("br0", kind: "bridge")]
            var map = NetworkMap(nodes: [host])
            for number in 1..<count {
                var port = NetworkMap.Link("v\(number)", kind: "veth")
                port.master = "br0"
                map.nodes[0].links.append(port)
                var node = NetworkMap.Node("web-\(number)")
                node.links = [NetworkMap.Link("eth0", kind: "veth")]
                map.nodes.append(node)
                map.cables.append(
                    NetworkMap.Cable(NetworkMap.End("host", port.name), NetworkMap.End(node.name, "eth0")))
            }
            return map
        }
        #expect(map(30).widePicture.boxes.count == 30)
        for picture in [map(31).widePicture, map(31).narrowPicture] {
            #expect(picture.boxes.map(\.id) == ["host", "host/link/br0/nodes"])
            #expect(picture.boxes.last?.title == "30 containers")
            #expect(picture.boxes.last?.collapsed.count == 30)
            #expect(picture.boxes.last?.labels.contains { $0.text.hasPrefix("web-1 … web-30") } == true)
            #expect(picture.wires.count == 1)
        }
    }
}
