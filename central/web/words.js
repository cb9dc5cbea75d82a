// Every word on the wall, in both languages.

const ZH = {
  other: "EN",
  total: "全部小区", centre: "中心",
  vehicles_in: "车辆进", vehicles_out: "车辆出", on_foot: "步行", refer: "上报",
  bicycles: "自行车 进/出", unknown: "不明", persons: "已测人数", recheck: "再测未完",
  admit: "放行", undecided: "未定", overrides: "门岗改判", plates: "车牌 认出/没认出",
  tile: { vehicles_in: "进", vehicles_out: "出", on_foot: "步行", refer: "上报" },
  inside: "在内(估计)",
  as_of: (time) => `截至 ${time}`,
  heard: (n, of) => `门岗 ${n}/${of}`,
  none: "没有数据", old: "旧数据", partial: "不全", whole: "完整",
  waiting: (n) => `待发 ${n}`, lost: (n) => `丢失 ${n}`, unsure: (n) => `日志受损 ${n}`, conflicts: (n) => `冲突 ${n}`,
  not_understood: (n) => `看不懂 ${n}`, day_unknown: (n) => `日期不明 ${n}`,
  alarms: "警报", alarms_none: "没有警报", alarms_count: (n) => `警报 ${n}`,
  alarms_more: (n) => `还有 ${n} 条`,
  unacknowledged: (n) => `${n} 条未确认`,
  state: { unack: "未确认", acked: "已确认", rtnun: "已恢复,未确认", normal: "已恢复" },
  hours: (name) => `今天每小时 · ${name}`, days: (name) => `近 14 天 · ${name}`,
  hours_key: "今天", days_key: "14 天",
  chart_in: "车辆进", chart_out: "车辆出", chart_foot: "步行",
  chart_none: "还没有数据",
  only_wrong: "只看有问题的", show_all: "全部显示", all_well: "现在没有问题",
  link: { connecting: "正在连接", live: "实时", gone: "和服务器断开", refused: "服务器不让看" },
  gone_since: (time) => `自 ${time} 起断开。下面是旧数据,正在重连。`,
  refused_since: () => "服务器拒绝了这个页面的登录。请找管理员。",
  connecting: "正在连接服务器……",
  central_gone: (time) => `汇总程序停了(${time})。数字不再更新,门岗照常工作,数据不会丢。`,
  site_fault: "读不到站点文件,正在重试。",
  alert: {
    device_lost: "设备断开", device_silent: "设备没有数据", device_faulty: "设备故障",
    stuck_device: "读数不动", calibration_expired: "校准过期", suspect_fever: "疑似发热", fever_confirmed: "确认发热",
    not_recorded: "门岗记录写不进", disk_low: "磁盘快满", disk_full: "磁盘满",
    disk_unwritable: "磁盘写不进", clock_unset: "时钟未校准", gate_silent: "门岗没有消息",
    gates_silent_together: "多处门岗同时没有消息", alarm_flood: "报警过多",
    gate_unexpected: "名单外的门岗", ledger_conflict: "数据冲突", stream_fork: "存储卡可能被复制",
    chain_broken: "数据链断裂", wrong_topic: "数据发错地方", entries_lost: "数据丢失",
    journal_torn: "门岗日志损坏,可能有缺", journal_anew: "门岗日志重新开始,可能有缺",
    message_refused: "有消息被拒", entries_not_understood: "有数据看不懂",
    ledger_unwritable: "总账写不进", backup_failed: "备份失败", second_central: "有两个中心在运行",
  },
  seconds: (n) => `${n} 秒`, minutes: (n) => `${n} 分`, hours_long: (n) => `${n} 小时`, days_long: (n) => `${n} 天`,
  ago: (age) => `${age}前`,
  revised: (n) => `${n} 天有迟到数据`,
};

const EN = {
  other: "中文",
  total: "All compounds", centre: "Centre",
  vehicles_in: "Cars in", vehicles_out: "Cars out", on_foot: "On foot", refer: "Referred",
  bicycles: "Bicycles in/out", unknown: "Unknown", persons: "Measured",
  recheck: "Still to recheck", admit: "Admitted", undecided: "Undecided",
  overrides: "Overrides", plates: "Plates read/not",
  tile: { vehicles_in: "In", vehicles_out: "Out", on_foot: "Foot", refer: "Ref." },
  inside: "Inside (estimate)",
  as_of: (time) => `As of ${time}`,
  heard: (n, of) => `Gates ${n}/${of}`,
  none: "No data", old: "Old", partial: "Incomplete", whole: "Complete",
  waiting: (n) => `${n} to send`, lost: (n) => `${n} lost`, unsure: (n) => `${n} damaged journals`, conflicts: (n) => `${n} conflicts`,
  not_understood: (n) => `${n} not understood`, day_unknown: (n) => `${n} day unknown`,
  alarms: "Alarms", alarms_none: "No alarms", alarms_count: (n) => (n === 1 ? "1 alarm" : `${n} alarms`),
  alarms_more: (n) => `${n} more`,
  unacknowledged: (n) => `${n} not acknowledged`,
  state: { unack: "not acknowledged", acked: "acknowledged", rtnun: "over, not acknowledged", normal: "over" },
  hours: (name) => `Today by hour · ${name}`, days: (name) => `14 days · ${name}`,
  hours_key: "Today", days_key: "14 days",
  chart_in: "Cars in", chart_out: "Cars out", chart_foot: "On foot",
  chart_none: "No data yet",
  only_wrong: "Only what is wrong", show_all: "Show all", all_well: "Nothing is wrong now",
  link: { connecting: "Connecting", live: "Live", gone: "Broker gone", refused: "Login refused" },
  gone_since: (time) => `Cut off since ${time}. What stands below is old; reconnecting.`,
  refused_since: () => "The broker refused this page's login. Ask the administrator.",
  connecting: "Connecting to the broker…",
  central_gone: (time) => `The counting has stopped (${time}). Figures stand still; gates go on, nothing is lost.`,
  site_fault: "The site's file cannot be read; trying again.",
  alert: {
    device_lost: "Device lost", device_silent: "Device silent", device_faulty: "Device faulty",
    stuck_device: "Reading stuck", calibration_expired: "Calibration expired", suspect_fever: "Fever suspected",
    fever_confirmed: "Fever confirmed", not_recorded: "Gate cannot record",
    disk_low: "Disk nearly full", disk_full: "Disk full", disk_unwritable: "Disk not writable",
    clock_unset: "Clock not set", gate_silent: "Gate is silent",
    gates_silent_together: "Gates silent together", alarm_flood: "Too many alarms",
    gate_unexpected: "Gate not in the site", ledger_conflict: "Conflicting entries",
    stream_fork: "Card may be a copy", chain_broken: "Chain broken",
    wrong_topic: "Sent to a wrong topic", entries_lost: "Entries lost",
    journal_torn: "Gate's journal damaged, entries may be missing",
    journal_anew: "Gate's journal begun anew, entries may be missing",
    message_refused: "Message refused", entries_not_understood: "Entries not understood",
    ledger_unwritable: "Ledger not writable", backup_failed: "Backup failed",
    second_central: "Two centres are running",
  },
  seconds: (n) => `${n} s`, minutes: (n) => `${n} min`, hours_long: (n) => `${n} h`, days_long: (n) => `${n} d`,
  ago: (age) => `${age} ago`,
  revised: (n) => (n === 1 ? "1 day with late data" : `${n} days with late data`),
};

export const WORDS = { zh: ZH, en: EN };

/** The words for a code; an unknown one stands for itself. */
export const said = (table, code) => table[code] ?? String(code).replaceAll("_", " ");

/** An age as a person would say it. */
export function aged(words, seconds) {
  const s = Math.max(0, seconds);
  if (s < 60) return words.seconds(Math.floor(s));
  if (s < 3600) return words.minutes(Math.floor(s / 60));
  if (s < 172800) return words.hours_long(Math.floor(s / 3600));
  return words.days_long(Math.floor(s / 86400));
}
