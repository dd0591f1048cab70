import JSON
import Testing

@testable import Topology

@Suite struct GoldenTests {
    @Test("a saved state is drawn as it was", arguments: SavedStates.names)
    func views(_ name: String) throws {
        let map = try SavedStates.map(name)
        var text = ""
        for columns in [80, 132, 40] {
            text += "\(columns) columns\n" + map.text(columns: columns) + "\n"
        }
        text += "ASCII\n" + map.text(columns: 80, ascii: true) + "\nas a tree\n" + map.tree()
        try SavedStates.expect(text, "\(name).txt")
        try SavedStates.expect(map.dot, "\(name).dot")
        try SavedStates.expect(map.picture.svg(title: name), "\(name).svg")
        try SavedStates.expect(map.json.prettyText + "\n", "\(name).json")
    }

    @Test("the same state is drawn by the same bytes", arguments: SavedStates.names)
    func determinism(_ name: String) throws {
        let first = try SavedStates.map(name)
        for _ in 0..<5 {
            // A map of its own, so that no hash seed or order of a dictionary is shared with the first.
            let again = try NetworkMap(decoding: first.json)
            #expect(again == first)
            #expect(again.picture == first.picture)
            #expect(again.text(columns: 100) == first.text(columns: 100))
        }
    }

    @Test("no line is wider than the terminal, and none of ASCII holds more than that", arguments: SavedStates.names)
    func widths(_ name: String) throws {
        let map = try SavedStates.map(name)
        for columns in [80, 100, 132] {
            for line in map.text(columns: columns).split(separator: "\n") { #expect(line.count <= columns, "\(line)") }
        }
        #expect(map.text(columns: 80, ascii: true).utf8.allSatisfy { $0 < 0x80 } || name == "apart")
    }

    @Test("twelve nodes are boxes, thirteen and less than 80 columns a tree")
    func trees() throws {
        var map = try SavedStates.map("thirteen")
        #expect(!map.text(columns: 200).contains("┌"))
        map.nodes.removeLast()
        map.cables.removeLast()
        #expect(map.text(columns: 80).contains("┌"))
        #expect(!map.text(columns: 79).contains("┌"))
    }

    @Test(
        "the standard world, with and without rules, is a picture in 80 columns",
        arguments: ["lab-standard", "lab-nft"])
    func world(_ name: String) throws {
        let text = try SavedStates.map(name).text(columns: 80)
        #expect(text.contains("┌ client "))
        #expect(text.contains("┌ app "))
    }

    @Test("a map of another version, and one with a cable to nowhere, are refused")
    func badMaps() throws {
        #expect(throws: TopologyError.badMap("v is not 1")) { try NetworkMap(decoding: ["v": 2, "nodes": []]) }
        let cut: JSON = [
            "v": 1, "nodes": [["name": "a", "links": []]],
            "cables": [["near": ["node": "a", "link": "x"], "far": ["node": "a", "link": "y"]]],
        ]
        #expect(throws: TopologyError.badMap("cables[0] ends at a x, which is not in the map")) {
            try NetworkMap(decoding: cut)
        }
        #expect(throws: TopologyError.badMap("nodes[0] has no name")) {
            try NetworkMap(decoding: ["v": 1, "nodes": [["links": []]], "cables": []])
        }
    }

    @Test("what changed has a star, also where a line was put in before others")
    func changes() {
        #expect(ChangedLines.marked("a\nb\n", since: nil) == "  a\n  b\n")
        #expect(ChangedLines.marked("a\nx\nb\nC\n", since: "a\nb\nc\n") == "  a\n* x\n  b\n* C\n")
        #expect(ChangedLines.marked("a\n\nx\n", since: "a\n", bold: true).contains("* \u{1b}[1mx\u{1b}[0m\n"))
    }

    @Test("a host with five hundred containers is drawn, as a tree and as SVG", .timeLimit(.minutes(1)))
    func many() {
        var host = NetworkMap.Node("host")
        host.links = [NetworkMap.Link("br0", kind: "bridge")]
        var map = NetworkMap(nodes: [host])
        for number in 1...500 {
            var port = NetworkMap.Link("v\(number)", kind: "veth")
            port.master = "br0"
            map.nodes[0].links.append(port)
            var node = NetworkMap.Node("c\(number)")
            node.links = [NetworkMap.Link("eth0", kind: "veth")]
            map.nodes.append(node)
            map.cables.append(NetworkMap.Cable(.init("host", "v\(number)"), .init("c\(number)", "eth0")))
        }
        #expect(map.text().split(separator: "\n").count { $0.contains("● eth0 → host:v") } == 500)
        let picture = map.picture
        #expect(picture.boxes.count == 501 && picture.wires.count == 500)
        #expect(picture.svg(title: "many").contains("c500"))
    }
}
