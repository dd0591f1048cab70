import NetCore
import Testing

@testable import Inspect

@Suite struct DrawingTests {
    private static let scene: HostScene = {
        let entries = AttachmentList([Records.web, Records.client, Records.long, Records.lo]).entries
        return HostScene(
            uplinks: [
                HostScene.Uplink(
                    name: "uplink", addresses: ["192.0.2.1/24", "2001:db8::1/64"], gateways: ["192.0.2.2"]),
                HostScene.Uplink(name: "wg0", addresses: ["10.200.0.1/24"], gateways: []),
            ],
            bridges: [
                HostScene.Bridge(
                    name: "aux0", state: .missing, addresses: [], otherPorts: 0,
                    cables: [HostScene.Cable(entry: entries[0], state: .missing)]),
                HostScene.Bridge(
                    name: "demo0", state: .up, addresses: ["10.88.0.1/24", "fd00:88::1/64"], otherPorts: 1,
                    cables: [
                        HostScene.Cable(entry: entries[1], state: .down),
                        HostScene.Cable(entry: entries[2], state: .up),
                    ]),
                HostScene.Bridge(
                    name: "docker0", state: .down, addresses: ["172.17.0.1/16"], otherPorts: 0, cables: []),
            ],
            loose: [
                HostScene.Cable(entry: entries[3], state: .missing),
                HostScene.Cable(entry: entries[1], state: .up),
            ])
    }()

    @Test("the host, its bridges, cables and containers are drawn")
    func drawing() throws {
        try expectGolden(HostDrawing(DrawingTests.scene).text, "graph.txt")
    }

    @Test("with ASCII alone the drawing is the same, in 80 columns")
    func ascii() throws {
        let text = HostDrawing(DrawingTests.scene, ascii: true).text
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
        #expect(text.count { $0 == "\n" } == HostDrawing(DrawingTests.scene).text.count { $0 == "\n" })
        try expectGolden(text, "graph-ascii.txt")
    }

    @Test("an empty host is drawn, and says that it is empty")
    func empty() {
        let text = HostDrawing(HostScene(uplinks: [], bridges: [], loose: [])).text
        #expect(text.contains("no bridges, no attachments"))
    }
}
