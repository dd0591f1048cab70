import Lab
import NetCore
import Testing

@Suite("A world's description")
struct DescriptionTests {
    @Test("the worlds that come with the program can be built", arguments: StandardWorlds.all)
    func sound(_ world: WorldDescription) { #expect(world.fault == nil) }

    @Test("links have fixed addresses, by the order of nodes and of their links")
    func macs() {
        let world = StandardWorlds.standard
        #expect(world.mac("client", "eth0") == MACAddress("02:00:00:00:01:01"))
        #expect(world.mac("host", "br0") == MACAddress("02:00:00:00:03:01"))
        #expect(world.mac("host", "vapp") == MACAddress("02:00:00:00:03:04"))
        #expect(world.mac("host", "eth7") == nil)
        let all = world.nodes.flatMap { node in world.links(of: node.name).map { world.mac(node.name, $0) } }
        #expect(Set(all).count == all.count)
    }

    @Test("what cannot be built is told in a sentence")
    func faults() {
        func fault(_ change: (inout WorldDescription) -> Void) -> String? {
            var world = StandardWorlds.standard
            change(&world)
            return world.fault
        }
        #expect(fault { $0.nodes = [] } == "world standard has no node")
        #expect(fault { $0.nodes[0].name = "../x" }?.contains("a to z") == true)
        #expect(fault { $0.nodes[1].name = "client" } == "two nodes are called client")
        #expect(fault { $0.cables[0].near.node = "moon" } == "a cable ends at moon, which is no node")
        #expect(fault { $0.cables[0].near.link = "much-too-long-a-name" }?.contains("longer than 15 bytes") == true)
        #expect(fault { $0.cables[1].near.link = "eth0" } == "node inet has eth0 twice")
        #expect(fault { $0.cables[0].far.bridge = "br7" }?.contains("no bridge there") == true)
        #expect(
            fault { $0.nodes[0].parameters = [.init("kernel/hostname", "x")] }?.contains("not one below net/") == true)
    }
}
