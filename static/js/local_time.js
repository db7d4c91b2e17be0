// Says times as the reader's clock has them: "today, 12:23", "yesterday, 9:05", then the date. The server does not know
// their time zone, so it says how long ago it was, and that stays where a browser lacks the words.
const DAY_MS = 24 * 60 * 60 * 1000;
const language = document.documentElement.lang;
const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
const days = Intl.RelativeTimeFormat && new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate());

document.querySelectorAll("time[data-pattern]").forEach((element) => {
  const at = new Date(element.dateTime);
  // Rounded, because a day in which the clocks change has 23 or 25 hours.
  const daysAgo = Math.round((midnight(new Date()) - midnight(at)) / DAY_MS);
  const withTime = (day) => element.dataset.pattern.replace("{1}", day).replace("{0}", clock.format(at));
  element.title = withTime(date.format(at));
  if (daysAgo > 1) element.textContent = date.format(at);
  else if (daysAgo >= 0 && days) element.textContent = withTime(days.format(-daysAgo, "day"));
});
