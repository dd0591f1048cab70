import NetCore
import Testing

@testable import MiniRuntime

@Suite("Rules for devices")
struct DeviceRuleTests {
    /// What the list means: of each kind of access the last rule that speaks of it counts, and none is no.
    private func allows(_ rules: [DeviceRule], _ kind: DeviceRule.Kind, _ major: Int64, _ minor: Int64, _ access: Int32)
        -> Bool
    {
        [Int32(1), 2, 4].filter { access & $0 != 0 }.allSatisfy { bit in
            rules.last {
                ($0.kind == .all || $0.kind == kind) && ($0.major ?? major) == major && ($0.minor ?? minor) == minor
                    && $0.access.rawValue & bit != 0
            }?.isAllowed ?? false
        }
    }

    /// The kernel's machine, as far as the program needs it.
    private func run(_ program: DeviceProgram, _ type: UInt32, _ access: UInt32, _ major: UInt32, _ minor: UInt32)
        -> UInt32?
    {
        let question = [access << 16 | type, major, minor]
        var registers = [UInt32](repeating: 0, count: 11)
        var at = 0
        for _ in 0..<10_000 where program.instructions.indices.contains(at) {
            let word = program.instructions[at]
            let to = Int(word >> 8 & 0xf)
            let from = Int(word >> 12 & 0xf)
            let offset = Int(Int16(bitPattern: UInt16(word >> 16 & 0xffff)))
            let constant = UInt32(word >> 32)
            at += 1
            switch word & 0xff {
            case 0x61: registers[to] = question[offset / 4]
            case 0xbc: registers[to] = registers[from]
            case 0xb4: registers[to] = constant
            case 0x54: registers[to] &= constant
            case 0x74: registers[to] >>= constant
            case 0x56: if registers[to] != constant { at += offset }
            case 0x16: if registers[to] == constant { at += offset }
            case 0x95: return registers[0]
            default: return nil
            }
        }
        return nil
    }

    @Test("the program says what the list means, for 300 random lists and every question")
    func program() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let rules = (0..<Int.random(in: 0...7, using: &random)).map { _ in
                let kind = [DeviceRule.Kind.all, .block, .character].randomElement(using: &random)!
                let numbers: [Int64?] = kind == .all ? [nil] : [nil, 1, 2]
                return DeviceRule(
                    Bool.random(using: &random), kind, numbers.randomElement(using: &random)!,
                    numbers.randomElement(using: &random)!, .init(rawValue: Int32.random(in: 1...7, using: &random)))
            }
            let program = DeviceProgram(rules)
            for (number, kind) in [(UInt32(1), DeviceRule.Kind.block), (2, .character)] {
                for access in UInt32(1)...7 {
                    for (major, minor) in [(1, 1), (1, 2), (2, 1), (3, 3)] as [(UInt32, UInt32)] {
                        let expected = allows(rules, kind, Int64(major), Int64(minor), Int32(access))
                        #expect(
                            run(program, number, access, major, minor) == (expected ? 1 : 0),
                            "\(rules.map { "\($0.isAllowed) \($0.line)" }) \(kind) \(major):\(minor) \(access)")
                    }
                }
            }
        }
    }

    @Test("v1: all is forbidden first; a rule that takes back a part of another is refused, not passed over")
    func v1() throws {
        let all = DeviceRule(false, .all, nil, nil, .all)
        let wide = DeviceRule(true, .character, 10, nil, .all)
        let writes = try DeviceRule.v1Writes([all, wide, DeviceRule(false, .character, 4, 1, .all)])
        #expect(
            writes.map { "\($0.file) \($0.value)" } == ["devices.deny a", "devices.deny a", "devices.allow c 10:* rwm"])
        #expect(throws: KernelError.self) {
            try DeviceRule.v1Writes([all, wide, DeviceRule(false, .character, 10, 229, .write)])
        }
        let free = try DeviceRule.v1Writes([
            DeviceRule(true, .all, nil, nil, .all), DeviceRule(false, .block, 8, 0, .write),
        ])
        #expect(free.map { "\($0.file) \($0.value)" } == ["devices.deny a", "devices.allow a", "devices.deny b 8:0 w"])
    }
}
