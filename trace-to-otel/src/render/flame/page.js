// A page of profiles alone.
document.getElementById("summary").textContent = data.summary;
if (data.flame.profiles.length > 0) {
  openProfiles();
  flame.box.focus();
} else document.querySelector("header").after(element("p", "empty", data.nothing));
