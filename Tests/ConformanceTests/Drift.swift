import JSON
import TestSupport

extension PrivateHost {
    /// States that CHECK of one plugin answers 106 with `[{object, expected, found}]`, one of which names `object` (P-55).
    func expectDrift(
        _ attached: Attached, _ index: Int, naming object: String, file: String = #fileID, line: Int = #line
    ) throws {
        let answer = try call(attached.call(index, "CHECK", previous: attached.result))
        guard
            expect(
                answer.isError(106), "CHECK: expected code 106 naming \(object), seen \(answer)", file: file, line: line
            )
        else { return }
        let findings = try JSON(parsing: Array(answer.details.utf8)).array ?? []
        expect(!findings.isEmpty, "details hold no list: \(answer)", file: file, line: line)
        for one in findings {
            let keys = Set(one.object?.keys ?? [])
            expect(
                keys.isSuperset(of: ["object", "expected", "found"]), "a finding lacks a key: \(one)", file: file,
                line: line)
        }
        expect(
            findings.contains { $0.text.contains(object) }, "no finding names \(object): \(answer.details)", file: file,
            line: line)
    }
}
