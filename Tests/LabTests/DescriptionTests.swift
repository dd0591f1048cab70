import Lab
import Testing

@Suite("A world's description")
struct DescriptionTests {
    @Test("the worlds that come with the program can be built", arguments: StandardWorlds.all)
    func sound(_ world: WorldDescription) { #expect(world.fault == nil) }
}
